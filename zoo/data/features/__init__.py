"""Condition features: maps from particle columns to the vector a network receives."""
