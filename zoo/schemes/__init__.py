"""Generative schemes, one file per family: networks, losses of the players, sampling."""
