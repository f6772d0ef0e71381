"""Exact 1-Wasserstein distance between samples of one number."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped


def wasserstein(first: Shaped[np.ndarray, " n"], second: Shaped[np.ndarray, " m"]) -> float:
    """Distance between two empirical distributions, in the unit of the values.

    The integral of |F - G| over the sorted values of both; for samples of equal size the same as the mean distance
    between values of the same rank. Equals `scipy.stats.wasserstein_distance`.
    """
    first, second = np.sort(first.astype(np.float64)), np.sort(second.astype(np.float64))
    if len(first) == len(second):
        return float(np.abs(first - second).mean())
    values = np.sort(np.concatenate([first, second]))
    F = np.searchsorted(first, values[:-1], side="right") / len(first)
    G = np.searchsorted(second, values[:-1], side="right") / len(second)
    return float(np.abs(F - G) @ np.diff(values))


def channel_wasserstein(first: Shaped[np.ndarray, "n R"], second: Shaped[np.ndarray, "m R"]) -> Float[np.ndarray, " R"]:
    """Distance of every channel, in photons; its mean is equation 13 of doi:10.1007/s41781-025-00130-x."""
    return np.array([wasserstein(first[:, channel], second[:, channel]) for channel in range(first.shape[1])])


class PairedWasserstein:
    """Distance between two samples of the same events, for many weightings of the events.

    Everything is sorted once; a weighting then costs one gather and one running sum.
    """

    def __init__(self, first: Shaped[np.ndarray, " n"], second: Shaped[np.ndarray, " n"]) -> None:
        values = np.concatenate([first, second]).astype(np.float64)
        order = np.argsort(values, kind="stable")
        self._gaps = np.diff(values[order])
        self._order = order[:-1]

    def __call__(self, weights: Float[np.ndarray, " n"]) -> float:
        """Distance with event i counted `weights[i]` times on both sides.

        Weights are whole numbers, so that the running difference of the two distributions is exact.
        """
        difference = np.cumsum(np.concatenate([weights, -weights])[self._order])
        # Not a matrix product: the threads of a BLAS cost more than so short a sum, above all on a busy machine.
        return float(np.einsum("i,i", np.abs(difference, out=difference), self._gaps) / weights.sum())
