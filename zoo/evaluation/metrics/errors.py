"""Errors between responses that are matched one to one, in the unit of the published tables."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from zoo.evaluation.observables import blocks


def channel_error(first: Float[np.ndarray, "n R"], second: Float[np.ndarray, "n R"]) -> Float[np.ndarray, " n"]:
    """Mean over channels of |w - w'| per event, in photons; its mean over events is the MAE of the tables.

    Equation 14 of doi:10.1007/s41781-025-00130-x, with its 1/R. Equation 2 of arXiv:2507.18811 leaves the 1/R out, but
    its tables have it; one published code divides by R twice and prints a fifth of this.
    """
    return np.abs(first - second).mean(axis=1)


def squared_error(first: Shaped[np.ndarray, "n H W"], second: Shaped[np.ndarray, "n H W"]) -> Float[np.ndarray, " n"]:
    """Sum over pixels of the squared difference in photons, per event.

    Summed, not averaged: `rms` of it is the RMSE in the unit of the tables of doi:10.1007/s41781-025-00130-x, which is
    sqrt(H W) times its equation 15.
    """
    errors = [np.square(block - second[rows].astype(np.float64)).sum(axis=(1, 2)) for rows, block in blocks(first)]
    return np.concatenate(errors)


def rms(squared: Float[np.ndarray, " n"]) -> float:
    """Root of the mean over events of their squared errors."""
    return float(np.sqrt(squared.mean()))
