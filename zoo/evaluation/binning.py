"""Histograms of photon numbers that reach from none to thousands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

BINS = 32
"""Bins of a histogram, about."""

WIDE = 20.0
"""Ratio of the largest to the smallest value from which on the axis is logarithmic."""


@dataclass(frozen=True)
class Binning:
    """Bin edges, and whether they are to be drawn on an axis of log(1 + photons)."""

    edges: Float[np.ndarray, " b+1"]
    logarithmic: bool

    @property
    def centres(self) -> Float[np.ndarray, " b"]:
        """Middles of the bins as they are drawn."""
        low, high = self.edges[:-1], self.edges[1:]
        return np.expm1((np.log1p(low) + np.log1p(high)) / 2) if self.logarithmic else (low + high) / 2

    def count(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " b"]:
        """Values per bin; what lies beyond either end is counted in the outermost bin."""
        inside = np.clip(values, self.edges[0], self.edges[-1])
        return np.histogram(inside, self.edges)[0].astype(np.float64)

    def beyond(self, values: Float[np.ndarray, " n"]) -> float:
        """Share of the values above the last edge."""
        return float(np.mean(values > self.edges[-1]))


def photon_bins(values: Float[np.ndarray, " n"]) -> Binning:
    """Bins that hold all the values, which are photon numbers and not negative.

    Edges are half-integers, so that whole counts and the real numbers a generator gives fall into the same bins. Where
    the values span more than an order of magnitude, bins widen in proportion to 1 + photons, and no photons at all have
    a bin of their own; no bin is narrower than one photon.
    """
    low, high = int(np.floor(values.min())), int(np.ceil(values.max()))
    logarithmic = high + 1 > WIDE * (low + 1)
    growth = ((high + 1) / (low + 1)) ** (1 / BINS) - 1 if logarithmic else 0.0
    least = 1 if logarithmic else max(1, round((high + 1 - low) / BINS))
    edges = [low]
    while edges[-1] <= high:
        edges.append(edges[-1] + max(least, round(growth * (edges[-1] + 1))))
    return Binning(np.array(edges, dtype=np.float64) - 0.5, logarithmic)
