"""Trained vectors that schemes append to the condition, one file each."""
