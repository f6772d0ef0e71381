"""Distances between the distributions of the total signal, alone and beside the energy of the particle."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from jaxtyping import Float, Shaped
from pydantic import Field

from zoo.catalogue import register
from zoo.detectors.detector import Detector
from zoo.errors import ComponentError
from zoo.evaluation.metrics.metric import MetricConfig, SetMetric
from zoo.evaluation.metrics.wasserstein import wasserstein
from zoo.evaluation.observables import blocks

ENERGY = "energy"
"""The particle column of the joint distance."""


@register("metric", "total_wasserstein")
class TotalWassersteinConfig(MetricConfig):
    """Wasserstein distance between the total signals of generated and simulated responses, each over its largest.

    "Total Wass." of the FoCal paper. A set without any signal is all zeros.
    """

    def build(self, detector: Detector) -> TotalWasserstein:
        """The metric; of any responses."""
        del detector
        return TotalWasserstein()


@register("metric", "joint_wasserstein")
class JointWassersteinConfig(MetricConfig):
    """Sliced Wasserstein distance between the clouds of (particle energy, total signal), standardised.

    "Joint Wass." of the FoCal paper, which leaves open by whose mean and standard deviation: each set's own, so that
    only the shape of a cloud counts. A coordinate that does not vary is zero.
    """

    directions: Annotated[int, Field(ge=1, le=100_000)] = 128
    """Random directions that the clouds are projected on; the paper does not say how many."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """Of the directions, which are the same for every model."""

    def build(self, detector: Detector) -> JointWasserstein:
        """The metric.

        Raises:
            ComponentError: the detector's particles have no energy.
        """
        if ENERGY not in detector.column_names:
            raise ComponentError(f"metric 'joint_wasserstein' needs a particle column {ENERGY!r}")
        return JointWasserstein(detector, self.directions, self.seed)


class TotalWasserstein(SetMetric):
    """See `TotalWassersteinConfig`."""

    @property
    def about(self) -> str:
        """How it is normalised."""
        return "Between the distributions of the total signal, each divided by its largest value."

    def observe(
        self, responses: Shaped[np.ndarray, "n H W"], particles: Float[np.ndarray, "n P"]
    ) -> Float[np.ndarray, "n 1"]:
        """The total signal."""
        del particles
        return _totals(responses)[:, None]

    def distance(self, kept: Float[np.ndarray, "n 1"], own: Float[np.ndarray, "m 1"]) -> float:
        """The distance of the two distributions."""
        return wasserstein(*(totals[:, 0] / (totals.max() or 1.0) for totals in (kept, own)))


class JointWasserstein(SetMetric):
    """See `JointWassersteinConfig`."""

    def __init__(self, detector: Detector, directions: int, seed: int) -> None:
        self._detector = detector
        drawn = np.random.default_rng(seed).normal(size=(directions, 2))
        self._directions = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    @property
    def about(self) -> str:
        """How it is normalised, and what it averages over."""
        return (
            f"Sliced, of (particle energy, total signal), standardised by each set's own mean and standard deviation, "
            f"over {len(self._directions)} fixed directions."
        )

    def observe(
        self, responses: Shaped[np.ndarray, "n H W"], particles: Float[np.ndarray, "n P"]
    ) -> Float[np.ndarray, "n 2"]:
        """Particle energy, total signal."""
        return np.stack([self._detector.column(np.asarray(particles, np.float64), ENERGY), _totals(responses)], axis=1)

    def distance(self, kept: Float[np.ndarray, "n 2"], own: Float[np.ndarray, "m 2"]) -> float:
        """Mean over directions of the distance between the projections."""
        one, other = (standardised(cloud) @ self._directions.T for cloud in (kept, own))
        return float(np.mean([wasserstein(*pair) for pair in zip(one.T, other.T, strict=True)]))


def standardised(cloud: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n D"]:
    """Mean 0 and standard deviation 1 (population) in every coordinate; 0 where one does not vary."""
    spread = cloud.std(axis=0)
    return np.where(spread > 0, cloud - cloud.mean(axis=0), 0.0) / np.where(spread > 0, spread, 1.0)


def _totals(responses: Shaped[np.ndarray, "n H W"]) -> Float[np.ndarray, " n"]:
    return np.concatenate([block.sum(axis=(1, 2)) for _, block in blocks(responses)])
