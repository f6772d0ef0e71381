"""Distributions of the training time of a flow, one file each."""
