"""Solvers that turn noise into data along a velocity field, one file each."""
