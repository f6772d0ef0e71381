"""Condition maps: extra input channels that show an image network where things happen."""
