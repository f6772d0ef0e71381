"""Layers shared by the architectures: no configs, no registration."""
