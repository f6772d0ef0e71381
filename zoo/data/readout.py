"""Sums of responses over the readout channels, on the device."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from zoo.detectors.detector import Detector


class Readout(eqx.Module):
    """The detector's channels as a linear map, and its transpose."""

    detector: Detector = eqx.field(static=True)

    @property
    def channels(self) -> int:
        """The number of channels, R."""
        return len(self.detector.readout)

    def __call__(self, counts: Float[Array, "B H W"]) -> Float[Array, "B R"]:
        """Channel sums, in photons."""
        masks = self.detector.readout.astype(np.float32)
        return jnp.einsum("bhw,rhw->br", counts, masks, precision=jax.lax.Precision.HIGHEST)

    def spread(self, values: Float[Array, "B R"]) -> Float[Array, "B H W"]:
        """An image whose every pixel carries the value of its channel."""
        owner = np.argmax(self.detector.readout, axis=0)
        return values[:, owner]
