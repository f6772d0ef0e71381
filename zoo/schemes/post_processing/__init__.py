"""Corrections fitted to what an earlier stage generates, usable after any scheme that generates responses."""
