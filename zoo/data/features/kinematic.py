"""Features that say what a shower depends on: how much energy arrives where, and what carries it."""

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

MASS_SCALE = 0.1
"""GeV; keeps the logarithm of the mass finite for photons."""


@register("features", "kinematic")
class KinematicConfig(FeaturesConfig):
    """Log energy, impact point on the front face with Fourier terms, log mass, charge and a photon flag."""

    octaves: Annotated[int, Field(ge=0, le=10)] = 5
    """Fourier terms of the impact point: periods of 2, 4, 8, ... pixels in rows and in columns."""

    def size(self, detector: Detector) -> int:
        """Seven kinematic features, then sine and cosine per axis and octave."""
        return 7 + 4 * self.octaves

    def unfitted(self, detector: Detector) -> Constants:
        """Log energy as it is."""
        return {"mean": np.zeros(1), "scale": np.ones(1)}

    def fit(self, detector: Detector, particles: Particles) -> Constants:
        """Mean and standard deviation of the log energy.

        Raises:
            DataError: an energy is not positive, all energies are equal, or a particle has no impact point.
        """
        energy = detector.column(particles, "energy")
        if (energy <= 0).any():
            event = int(np.argmax(energy <= 0))
            raise DataError(f"training event {event} has energy {energy[event]:g} GeV; log energy needs it positive")
        parallel = detector.column(particles, "pz") == 0
        if parallel.any():
            event = int(np.argmax(parallel))
            raise DataError(f"training event {event} has pz = 0: it never meets the front face of {detector.title}")
        log_energy = np.log(energy)
        if log_energy.min() == log_energy.max():
            raise DataError(
                f"condition column without variance in the training events: energy = {energy[0]:g}; "
                "it cannot be standardised"
            )
        return {"mean": np.array([log_energy.mean()]), "scale": np.array([log_energy.std()])}

    def build(self, detector: Detector, constants: Constants) -> Features:
        """The kinematic features of this detector."""
        mean, scale = (jnp.asarray(constants[name], jnp.float32) for name in ("mean", "scale"))
        return Kinematic(mean, scale, detector, self.octaves)


class Kinematic(Features):
    """See `KinematicConfig`; impact coordinates are scaled to [-1, 1] over the front face."""

    mean: Float[Array, "1"]
    scale: Float[Array, "1"]
    detector: Detector = eqx.field(static=True)
    octaves: int = eqx.field(static=True)

    def __call__(self, particles: Float[Array, "B P"]) -> Float[Array, "B F"]:
        """Log energy, log mass, charge, photon flag, impact point, its parity, sines, cosines."""
        detector = self.detector
        mass = detector.column(particles, "mass")
        log_energy = (jnp.log(detector.column(particles, "energy")) - self.mean) / self.scale
        impact = detector.impact(particles)
        half = (jnp.asarray(detector.shape) - 1.0) / 2
        scaled = impact / half - 1.0
        # Whether the impact point favours the even or the odd fibres of the checkerboard readout.
        parity = jnp.prod(jnp.cos(jnp.pi * impact), axis=-1, keepdims=True)
        angles = impact[:, :, None] * (2 * jnp.pi / 2.0 ** jnp.arange(1, self.octaves + 1))
        angles = angles.reshape(len(impact), -1)
        others = [log_energy, jnp.log(mass + MASS_SCALE), detector.column(particles, "charge"), 1.0 * (mass < 1e-3)]
        return jnp.concatenate([jnp.stack(others, axis=-1), scaled, parity, jnp.sin(angles), jnp.cos(angles)], axis=-1)
