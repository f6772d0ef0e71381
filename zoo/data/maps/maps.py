"""The role of condition maps."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float

from zoo.catalogue import Config
from zoo.detectors.detector import Detector


class Maps(eqx.Module):
    """Particle columns in, images of the response's shape out."""

    @abstractmethod
    def __call__(self, particles: Float[Array, "B P"]) -> Float[Array, "B H W M"]:
        """The maps of a batch of particles in physical units."""


class MapsConfig(Config):
    """Config of condition maps: `maps = "impact_maps"`."""

    @abstractmethod
    def channels(self) -> int:
        """The number of maps per particle."""

    @abstractmethod
    def build(self, detector: Detector) -> Maps:
        """The maps of this detector."""
