"""Rings of pixels around a point: what lies in each, and images painted ring by ring."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num

from zoo.layers.backend import on_cpu

Points = Float[Array, "B 2"]

MOST = 500
"""Rings at most: squared distances beyond do not fit the whole numbers they are compared in."""

FINE = 22
"""Binary digits after the point that positions are read with: all that float32 has from 2 pixels on."""


def ring_of(points: Points, shape: tuple[int, int], rings: int) -> Int[Array, "B H W"]:
    """The ring of every pixel: r where its distance to the point, in pixels, is at least r and below r + 1.

    Pixels beyond the last ring have the number `rings`, which belongs to none; so have all pixels of a point that is
    not finite or thousands of pixels away.

    The ring is exact. Distances in float32 put pixels within a few millionths of an edge on its other side, so that
    they only say which edge is near; on which side of it the pixel lies is decided in whole numbers.

    Args:
        points: (row, column), float32.
        shape: rows and columns of the image.
        rings: at most `MOST`.
    """
    near = jnp.all(jnp.abs(points) < 4096.0, axis=1)
    points = jnp.where(near[:, None], points, 0.0)
    whole = jnp.round(points)
    fine = jnp.round((points - whole) * 2.0**FINE).astype(jnp.int32)
    square, exact = 0.0, -_squared(fine)[:, None, None]
    for axis, size in enumerate(shape):
        steps = jnp.arange(size) - whole[:, axis, None].astype(jnp.int32)
        away = steps - fine[:, axis, None] * 2.0**-FINE
        # Whole numbers wrap around at 2^32, which their small sum below does not notice.
        product = ((steps * steps) << FINE) - 2 * steps * fine[:, axis, None]
        square += jnp.expand_dims(jnp.square(away), 2 - axis)
        exact -= jnp.expand_dims(product, 2 - axis)
    edge = jnp.round(jnp.sqrt(square)).astype(jnp.int32)
    inside = ((edge * edge) << FINE) + exact > 0
    return jnp.where(near[:, None, None], jnp.minimum(edge - inside, rings), rings)


def _squared(fine: Int[Array, "B 2"]) -> Int[Array, " B"]:
    """The squared length of a fraction of a pixel, in units of 2^-FINE, without what is below one.

    Of fractions up to 2^(FINE - 1), whose squares themselves would not fit.
    """
    half = FINE // 2
    high, low = fine >> half, fine & (2**half - 1)
    rest = jnp.sum(high * low, axis=1) + (jnp.sum(low * low, axis=1) >> (half + 1))
    return jnp.sum(high * high, axis=1) + (rest >> (half - 1))


def ring_sums(images: Num[Array, "B H W"], ring: Int[Array, "B H W"], rings: int) -> Num[Array, "B rings"]:
    """What the pixels of every ring hold together."""

    def one(pixels: tuple[Num[Array, " P"], Int[Array, " P"]]) -> Num[Array, " rings"]:
        values, place = pixels
        return jnp.zeros(rings + 1, values.dtype).at[place].add(values, mode="promise_in_bounds")[:rings]

    flat = images.reshape(len(images), -1), ring.reshape(len(ring), -1)
    # A CPU adds up image after image, in its cache; an accelerator all of them at once.
    return jax.lax.map(one, flat) if on_cpu() else jax.vmap(one)(flat)


def painted(sums: Float[Array, "B rings"], ring: Int[Array, "B H W"]) -> Float[Array, "B H W"]:
    """Images whose every ring holds its sum, spread evenly over its pixels; a ring without pixels is left out."""
    # Read twice, so that XLA would work it out twice.
    ring = jax.lax.optimization_barrier(ring)
    pixels = ring_sums(jnp.ones(ring.shape, jnp.int32), ring, sums.shape[1])
    level = jnp.pad(sums / jnp.maximum(pixels, 1), [(0, 0), (0, 1)])
    flat = ring.reshape(len(ring), -1)
    return jnp.take_along_axis(level, flat, axis=1, mode="promise_in_bounds").reshape(ring.shape)
