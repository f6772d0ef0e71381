"""Autoencoders of the thesis, one file per scheme."""
