"""Wasserstein distances between the horizontal and vertical profiles of two responses: both readings of "Wass. Sum".

The FoCal paper sums "the Wasserstein distances between the horizontal and vertical energy profiles (marginals)" of a
generated and a simulated response, and leaves their normalisation open. Its values rule out the distance between
normalised profiles over pixel positions alone; the candidates carry names of their own.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Shaped

from zoo.catalogue import register
from zoo.detectors.detector import Detector
from zoo.evaluation.metrics.metric import MetricConfig, PairMetric
from zoo.evaluation.observables import blocks

Profiles = Float[np.ndarray, "n K"]
"""Sums over the columns, or over the rows, of every response."""


@register("metric", "wass_sum_values")
class WassSumValuesConfig(MetricConfig):
    """Wasserstein distance between the values of two profiles, rows plus columns: how unlike the sums themselves are.

    Sees how high and how wide showers are, and not where they are; in the unit of the responses.
    """

    figure: ClassVar[str] = "wass_sum"

    def build(self, detector: Detector) -> WassSumValues:
        """The metric; of any responses."""
        return WassSumValues(detector.units)


@register("metric", "wass_sum_positions")
class WassSumPositionsConfig(MetricConfig):
    """Wasserstein distance between two normalised profiles over the pixels, rows plus columns: how far signal moves.

    In pixels. The profile of a response without signal is taken to be flat.
    """

    figure: ClassVar[str] = "wass_sum"

    def build(self, detector: Detector) -> WassSumPositions:
        """The metric; of any responses."""
        del detector
        return WassSumPositions()


class WassSum(PairMetric):
    """A distance between profiles, summed over rows and columns."""

    def __call__(
        self, first: Shaped[np.ndarray, "n H W"], second: Shaped[np.ndarray, "n H W"]
    ) -> Float[np.ndarray, " n"]:
        """The distance of every pair."""
        pairs = zip(blocks(first), blocks(second), strict=True)
        parts = [
            sum(self.between(one.sum(axis=axis), other.sum(axis=axis)) for axis in (1, 2))
            for (_, one), (_, other) in pairs
        ]
        return np.concatenate(parts)

    @abstractmethod
    def between(self, first: Profiles, second: Profiles) -> Float[np.ndarray, " n"]:
        """The distance between profiles of one direction, pair by pair."""


class WassSumValues(WassSum):
    """See `WassSumValuesConfig`."""

    def __init__(self, units: str) -> None:
        self._units = units

    @property
    def about(self) -> str:
        """The candidate, and its unit."""
        return f"Between the values of the profiles of two responses, rows plus columns, in {self._units}."

    def between(self, first: Profiles, second: Profiles) -> Float[np.ndarray, " n"]:
        """Mean distance between values of the same rank."""
        return np.abs(np.sort(first, axis=1) - np.sort(second, axis=1)).mean(axis=1)


class WassSumPositions(WassSum):
    """See `WassSumPositionsConfig`."""

    @property
    def about(self) -> str:
        """The candidate, and its unit."""
        return "Between the normalised profiles of two responses over the pixels, rows plus columns, in pixels."

    def between(self, first: Profiles, second: Profiles) -> Float[np.ndarray, " n"]:
        """Sum over pixels of the difference of the running sums."""
        one, other = (np.cumsum(_normalised(profiles), axis=1) for profiles in (first, second))
        return np.abs(one - other).sum(axis=1)


def _normalised(profiles: Profiles) -> Profiles:
    total = profiles.sum(axis=1, keepdims=True)
    return np.where(total > 0, profiles, 1.0) / np.where(total > 0, total, profiles.shape[1])
