"""How far the centre of a response is from where its particle was aimed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from zoo.catalogue import register
from zoo.detectors.detector import Detector
from zoo.evaluation.metrics.metric import MetricConfig, SetMetric
from zoo.evaluation.observables import blocks
from zoo.layers.centre_of_mass import positional_distances


@register("metric", "positional")
class PositionalConfig(MetricConfig):
    """|rows| + |columns| between a response's centre of mass and where its particle's line meets the face, in pixels.

    Of generated responses alone, as in the FoCal paper; GEANT's own distance is not zero and stands beside it as the
    floor of random halves. A response without signal, or to a particle without an impact point, does not count.
    """

    def build(self, detector: Detector) -> Positional:
        """The metric of a detector, which says where particles are aimed."""
        return Positional(detector)


class Positional(SetMetric):
    """See `PositionalConfig`."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    @property
    def about(self) -> str:
        """What it is of, and what the floors mean."""
        return (
            "Pixels from the expected hit to the centre of mass, rows plus columns, without responses that have no "
            "signal; the floors are GEANT's own distance."
        )

    def observe(
        self, responses: Shaped[np.ndarray, "n H W"], particles: Float[np.ndarray, "n P"]
    ) -> Float[np.ndarray, "n 1"]:
        """The distance; NaN where there is none."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            points = self._detector.impact(np.asarray(particles, np.float64))
        distances = np.empty((len(responses), 1))
        for rows, block in blocks(responses):
            found, known = positional_distances(block, points[rows])
            distances[rows, 0] = np.where(known, found, np.nan)
        return distances

    def distance(self, kept: Float[np.ndarray, "n 1"], own: Float[np.ndarray, "m 1"]) -> float | None:
        """Mean over the responses that have one."""
        del own
        known = kept[np.isfinite(kept)]
        return float(known.mean()) if len(known) else None
