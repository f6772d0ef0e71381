"""The role of condition features."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float

from zoo.catalogue import Config
from zoo.data.constants import Constants
from zoo.detectors.detector import Detector
from zoo.typing import Particles


class Features(eqx.Module):
    """Particle columns in, condition features out; runs on the device, in float32."""

    @abstractmethod
    def __call__(self, particles: Float[Array, "B P"]) -> Float[Array, "B F"]:
        """The features of a batch of particles in physical units."""


class FeaturesConfig(Config):
    """Config of condition features: `condition = "published"`."""

    @abstractmethod
    def size(self, detector: Detector) -> int:
        """The number of features."""

    @abstractmethod
    def unfitted(self, detector: Detector) -> Constants:
        """Neutral constants of the right names and shapes."""

    @abstractmethod
    def fit(self, detector: Detector, particles: Particles) -> Constants:
        """Constants fitted on the training particles.

        Raises:
            DataError: a column cannot be used, for instance because it is constant.
        """

    @abstractmethod
    def build(self, detector: Detector, constants: Constants) -> Features:
        """The features with their constants."""
