"""Errors between responses that are matched one to one, in the unit of the published tables."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from zoo.evaluation.observables import blocks


def channel_error(first: Float[np.ndarray, "n R"], second: Float[np.ndarray, "n R"]) -> Float[np.ndarray, " n"]:
    """Mean over channels of |w - w'| per event, in photons; its mean over events is the MAE of the tables.

    The journal's formula with the 1/R (data_and_metrics 3); not divided by R a second time as one published code does.
    """
    return np.abs(first - second).mean(axis=1)


def squared_error(first: Shaped[np.ndarray, "n H W"], second: Shaped[np.ndarray, "n H W"]) -> Float[np.ndarray, " n"]:
    """Sum over pixels of the squared difference in photons, per event.

    Summed, not averaged: `rms` of it is the RMSE in the unit of the tables, sqrt(H W) times the papers' formula.
    """
    errors = [np.square(block - second[rows].astype(np.float64)).sum(axis=(1, 2)) for rows, block in blocks(first)]
    return np.concatenate(errors)


def rms(squared: Float[np.ndarray, " n"]) -> float:
    """Root of the mean over events of their squared errors."""
    return float(np.sqrt(squared.mean()))
