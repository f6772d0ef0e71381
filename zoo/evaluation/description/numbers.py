"""Numbers that describe a sample of one quantity."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from zoo.evaluation.binning import Binning, photon_bins

PERCENTILES = (1, 10, 25, 50, 75, 90, 99)

DISCRETE = 12
"""Different values that are counted one by one."""

BINS = 40

WIDE = 30.0
"""Ratio of the largest to the smallest value, both positive, from which on bins widen in proportion."""


def summary(values: Shaped[np.ndarray, " n"]) -> dict[str, Any]:
    """Extremes, mean, std (population), percentiles, and how many different values there are."""
    percentiles = np.percentile(values, PERCENTILES).tolist()
    return {
        "minimum": float(values.min()),
        "maximum": float(values.max()),
        "mean": float(values.mean()),
        "std": float(values.std()),
        "percentiles": {str(name): value for name, value in zip(PERCENTILES, percentiles, strict=True)},
        "different": len(np.unique(values)),
    }


def photon_histogram(values: Float[np.ndarray, " n"]) -> dict[str, Any]:
    """Events per bin of photons; `scale` is log1p or linear."""
    bins = photon_bins(values)
    return {
        "scale": "log1p" if bins.logarithmic else "linear",
        "edges": bins.edges.tolist(),
        "counts": bins.count(values).astype(int).tolist(),
    }


def binning(histogram: dict[str, Any]) -> Binning:
    """Bins of a `photon_histogram`."""
    return Binning(np.array(histogram["edges"]), histogram["scale"] == "log1p")


def histogram(values: Float[np.ndarray, " n"]) -> dict[str, Any]:
    """Events per value (`scale` is discrete, with `values`), or per bin (linear or log, with `edges`)."""
    different, many = np.unique(values, return_counts=True)
    if len(different) <= DISCRETE:
        return {"scale": "discrete", "values": different.tolist(), "counts": many.tolist()}
    low, high = float(different[0]), float(different[-1])
    logarithmic = low > 0 and high > WIDE * low
    edges = np.geomspace(low, high, BINS + 1) if logarithmic else np.linspace(low, high, BINS + 1)
    edges[[0, -1]] = low, high
    counts = np.histogram(values, edges)[0]
    return {"scale": "log" if logarithmic else "linear", "edges": edges.tolist(), "counts": counts.tolist()}
