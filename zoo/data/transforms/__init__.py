"""Reversible maps between photons and model space, one file each."""
