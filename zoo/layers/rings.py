"""Rings of pixels around a point: what lies in each, and images painted ring by ring."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

Points = Float[Array, "B 2"]


def ring_of(points: Points, shape: tuple[int, int], rings: int) -> Int[Array, "B H W"]:
    """The ring of every pixel: r where its distance to the point, in pixels, is at least r and below r + 1.

    Pixels beyond the last ring have the number `rings`, which belongs to none.
    """
    row = jnp.arange(shape[0])[None, :, None] - points[:, 0, None, None]
    column = jnp.arange(shape[1])[None, None, :] - points[:, 1, None, None]
    distance = jnp.sqrt(jnp.square(row) + jnp.square(column))
    # A point that is not finite has no rings.
    return jnp.where(distance < rings, distance, rings).astype(jnp.int32)


def ring_sums(images: Float[Array, "B H W"], ring: Int[Array, "B H W"], rings: int) -> Float[Array, "B rings"]:
    """What the pixels of every ring hold together."""

    def one(image: Float[Array, " P"], ring: Int[Array, " P"]) -> Float[Array, " rings"]:
        return jax.ops.segment_sum(image, ring, rings + 1)[:rings]

    return jax.vmap(one)(images.reshape(len(images), -1), ring.reshape(len(ring), -1))


def painted(sums: Float[Array, "B rings"], ring: Int[Array, "B H W"]) -> Float[Array, "B H W"]:
    """Images whose every ring holds its sum, spread evenly over its pixels; a ring without pixels is left out."""
    rings = sums.shape[1]
    pixels = ring_sums(jnp.ones(ring.shape), ring, rings)
    level = jnp.pad(sums / jnp.maximum(pixels, 1.0), [(0, 0), (0, 1)])
    return jnp.take_along_axis(level, ring.reshape(len(ring), -1), axis=1).reshape(ring.shape)
