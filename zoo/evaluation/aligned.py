"""Mean profiles of responses about where their particles were aimed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from zoo.detectors.detector import Detector
from zoo.evaluation.observables import blocks


class AlignedProfiles:
    """Streaming mean signal of a row, and of a column, at every whole distance from the expected hit.

    Averaged over the events that have such a row or column; those without an impact point are passed over.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.reach = max(detector.shape) - 1
        self._signal, self._events = np.zeros((2, 2, 2 * self.reach + 1))

    def update(self, responses: Shaped[np.ndarray, "n H W"], particles: Float[np.ndarray, "n P"]) -> None:
        """Add responses."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            impact = self._detector.impact(np.asarray(particles, np.float64))
        for rows, block in blocks(responses):
            for axis, size in enumerate(self._detector.shape):
                hit = impact[rows, axis, None]
                away = np.where(np.isfinite(hit), np.arange(size) - hit, 2.0 * self.reach)
                inside = np.abs(away) <= self.reach
                place = np.rint(away[inside]).astype(int) + self.reach
                sums = block.sum(axis=2 - axis)[inside]
                self._signal[axis] += np.bincount(place, sums, 2 * self.reach + 1)
                self._events[axis] += np.bincount(place, minlength=2 * self.reach + 1)

    def compute(self) -> Float[np.ndarray, "2 K"]:
        """Signal of rows and of columns, from `-reach` to `reach`; 0 where there are none."""
        return self._signal / np.maximum(self._events, 1)
