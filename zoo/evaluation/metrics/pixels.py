"""Errors of single pixels."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from zoo.catalogue import register
from zoo.detectors.detector import Detector
from zoo.evaluation.metrics.metric import MetricConfig, PairMetric
from zoo.evaluation.observables import blocks


@register("metric", "pixel_mae")
class PixelMAEConfig(MetricConfig):
    """Absolute difference between two responses to the same particle, summed over the pixels.

    A candidate for "MAE" of the FoCal paper: its figures are hundreds of times what a pixel holds. The protocol's own
    `mae` is of channel sums. Two GEANT responses are apart as well.
    """

    def build(self, detector: Detector) -> PixelMAE:
        """The metric; of any responses."""
        return PixelMAE(detector.units)


class PixelMAE(PairMetric):
    """See `PixelMAEConfig`."""

    def __init__(self, units: str) -> None:
        self._units = units

    @property
    def about(self) -> str:
        """Its unit, and that it is a sum."""
        return f"Summed over the pixels of a response, in {self._units}."

    def __call__(
        self, first: Shaped[np.ndarray, "n H W"], second: Shaped[np.ndarray, "n H W"]
    ) -> Float[np.ndarray, " n"]:
        """The sum of every pair."""
        errors = [np.abs(block - second[rows].astype(np.float64)).sum(axis=(1, 2)) for rows, block in blocks(first)]
        return np.concatenate(errors)
