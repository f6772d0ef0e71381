"""Perceptual distance between responses, by a network trained on photographs."""

from __future__ import annotations

from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped
from pydantic import Field

from zoo.architectures.pretrained.lpips import lpips
from zoo.architectures.pretrained.vgg16 import check_size, need_extra
from zoo.catalogue import register
from zoo.detectors.detector import Detector
from zoo.evaluation.metrics.metric import MetricConfig, PairMetric

CHUNK = 64
"""Pairs per compiled call."""


@register("metric", "lpips")
class LPIPSMetricConfig(MetricConfig):
    """LPIPS (VGG16) between a generated and a simulated response to the same particle; needs the extra `perceptual`.

    Two GEANT responses to one particle are apart as well: the floor is the distance that a perfect generator has.
    """

    figure: ClassVar[str] = "perceptual"

    brightest: Annotated[float, Field(gt=0)] = 6.4
    """Value of log(1 + photons) that the network sees as white; no photons are seen as black. Published: 6.4. The
    distance means nothing without it."""

    def build(self, detector: Detector) -> LPIPSMetric:
        """The metric for images of the detector's shape, which VGG16 sees as large as they are.

        Raises:
            ComponentError: the images are too small for the network, or the extra is not installed.
        """
        check_size(detector.shape, "metric 'lpips'")
        need_extra("metric 'lpips'")
        return LPIPSMetric(self.brightest, detector.units)


class LPIPSMetric(PairMetric):
    """See `LPIPSMetricConfig`."""

    def __init__(self, brightest: float, units: str = "photons") -> None:
        self._brightest = brightest
        self._units = units

    @property
    def about(self) -> str:
        """Version, network and normalisation."""
        return f"LPIPS v0.1 (VGG16) of log(1 + {self._units}), from black at 0 to white at {self._brightest:g}."

    def __call__(
        self, first: Shaped[np.ndarray, "n H W"], second: Shaped[np.ndarray, "n H W"]
    ) -> Float[np.ndarray, " n"]:
        """Chunk by chunk; the last one is padded, so that one program serves all."""
        parts = []
        for start in range(0, len(first), CHUNK):
            rows = np.arange(start, min(start + CHUNK, len(first)))
            padded = np.resize(rows, CHUNK)
            pair = (jnp.asarray(side[padded].astype(np.float32)) for side in (first, second))
            parts.append(np.asarray(_distances(*pair, self._brightest), np.float64)[: len(rows)])
        return np.concatenate(parts)


@jax.jit
def _distances(x: Float[Array, "n H W"], y: Float[Array, "n H W"], brightest: float) -> Float[Array, " n"]:
    x, y = (2.0 * jnp.log1p(image) / brightest - 1.0 for image in (x, y))
    return lpips(x, y)
