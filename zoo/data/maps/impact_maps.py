"""Gaussian maps around the expected impact point."""

from __future__ import annotations

from typing import Annotated

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.catalogue import register
from zoo.data.maps.maps import Maps, MapsConfig
from zoo.detectors.detector import Detector


@register("maps", "impact_maps")
class ImpactMapsConfig(MapsConfig):
    """Gaussian blobs of several widths around the point where the particle meets the front face."""

    widths: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Strict(False), Field(min_length=1)] = (
        1.0,
        2.5,
        6.0,
        15.0,
    )
    """Standard deviations of the blobs, in pixels; one map each."""

    def channels(self) -> int:
        """One map per width."""
        return len(self.widths)

    def build(self, detector: Detector) -> Maps:
        """The maps of this detector."""
        return ImpactMaps(detector, self.widths)


class ImpactMaps(Maps):
    """`exp(-d^2 / 2w^2)`, d the distance of a pixel to the impact point; 1 at the point itself."""

    detector: Detector = eqx.field(static=True)
    widths: tuple[float, ...] = eqx.field(static=True)

    def __call__(self, particles: Float[Array, "B P"]) -> Float[Array, "B H W M"]:
        """One blob per width, as the product of its two profiles."""
        impact = self.detector.impact(particles)
        precision = 0.5 / jnp.square(jnp.asarray(self.widths))

        def profile(axis: int) -> Float[Array, "B length M"]:
            distance = jnp.arange(self.detector.shape[axis]) - impact[:, axis, None]
            return jnp.exp(-jnp.square(distance)[:, :, None] * precision)

        return profile(0)[:, :, None, :] * profile(1)[:, None, :, :]
