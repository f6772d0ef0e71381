"""Bootstrap intervals: how far a number would move had other events been drawn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

LEVEL = 0.95
"""Probability content of every interval."""


def resamples(events: int, number: int, generator: np.random.Generator) -> Iterator[Float[np.ndarray, " events"]]:
    """How often every event is drawn in each of `number` resamples with replacement (whole numbers as float64)."""
    for _ in range(number):
        drawn = generator.integers(0, events, size=events)
        yield np.bincount(drawn, minlength=events).astype(np.float64)


def interval(estimate: float, replicas: Float[np.ndarray, " K"]) -> list[float]:
    """Percentile interval of a quantity that is not negative, centred on its estimate.

    A distance between finite samples grows with their noise, and a resample has the sample's noise and its own: near
    the noise floor all replicas lie above the estimate. Their common offset is therefore taken away, so that the
    interval belongs to the number as measured at this sample size (as the noise floor does).
    """
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(replicas, [tail, 100 - tail]) - replicas.mean() + estimate
    return [max(0.0, float(low)), float(high)]
