"""Optimizers, learning-rate schedules, weight averaging and numerical precision."""
