"""Calorimeters: geometry, condition columns, readout channels; every response shape is written once, here."""
