"""Features of a particle that is given by energy and angles, as FoCal's are."""

from __future__ import annotations

from typing import Annotated

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import register
from zoo.data.constants import Constants
from zoo.data.features.features import Features, FeaturesConfig
from zoo.detectors.detector import Detector
from zoo.errors import DataError
from zoo.typing import Particles


@register("features", "polar")
class PolarConfig(FeaturesConfig):
    """Log energy, pseudorapidity, sine and cosine of the azimuth, and the impact point with Fourier terms."""

    octaves: Annotated[int, Field(ge=0, le=10)] = 4
    """Fourier terms of the impact point: periods of 2, 4, 8, ... pixels in rows and in columns."""

    def size(self, detector: Detector) -> int:
        """Six numbers, then sine and cosine per axis and octave."""
        return 6 + 4 * self.octaves

    def unfitted(self, detector: Detector) -> Constants:
        """Log energy and pseudorapidity as they are."""
        return {"mean": np.zeros(2), "scale": np.ones(2)}

    def fit(self, detector: Detector, particles: Particles) -> Constants:
        """Mean and standard deviation of log energy and pseudorapidity.

        Raises:
            DataError: there is no such column, an energy is not positive, or all are equal.
        """
        energy, eta = detector.column(particles, "energy"), detector.column(particles, "eta")
        if (energy <= 0).any():
            event = int(np.argmax(energy <= 0))
            raise DataError(f"training event {event} has energy {energy[event]:g} GeV; log energy needs it positive")
        both = np.stack([np.log(energy), eta], axis=1)
        scale = both.std(axis=0)
        for name, values in (("energy", energy), ("eta", eta)):
            if values.min() == values.max():
                raise DataError(
                    f"condition column without variance in the training events: {name} = {values[0]:g}; "
                    "it cannot be standardised"
                )
        return {"mean": both.mean(axis=0), "scale": scale}

    def build(self, detector: Detector, constants: Constants) -> Features:
        """The features of this detector."""
        mean, scale = (jnp.asarray(constants[name], jnp.float32) for name in ("mean", "scale"))
        return Polar(mean, scale, detector, self.octaves)


class Polar(Features):
    """See `PolarConfig`; impact coordinates are scaled to [-1, 1] over the front face."""

    mean: Float[Array, "2"]
    scale: Float[Array, "2"]
    detector: Detector = eqx.field(static=True)
    octaves: int = eqx.field(static=True)

    def __call__(self, particles: Float[Array, "B P"]) -> Float[Array, "B F"]:
        """Log energy, pseudorapidity, sine and cosine of the azimuth, impact point, sines, cosines."""
        detector = self.detector
        energy, eta, phi = (detector.column(particles, name) for name in ("energy", "eta", "phi"))
        standard = (jnp.stack([jnp.log(energy), eta], axis=-1) - self.mean) / self.scale
        impact = detector.impact(particles)
        scaled = 2.0 * impact / (jnp.asarray(detector.shape) - 1.0) - 1.0
        angles = impact[:, :, None] * (2 * jnp.pi / 2.0 ** jnp.arange(1, self.octaves + 1))
        angles = angles.reshape(len(impact), -1)
        azimuth = jnp.stack([jnp.sin(phi), jnp.cos(phi)], axis=-1)
        return jnp.concatenate([standard, azimuth, scaled, jnp.sin(angles), jnp.cos(angles)], axis=-1)
