"""Halving and doubling maps without weights."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def halve(x: Float[Array, "B H W C"]) -> Float[Array, "B H//2 W//2 C"]:
    """Averages of 2x2 pixels; an odd last row or column is left out."""
    rows, columns = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    x = x[:, :rows, :columns]
    x = x[:, ::2] + x[:, 1::2]
    return 0.25 * (x[:, :, ::2] + x[:, :, 1::2])


def double(x: Float[Array, "B H W C"]) -> Float[Array, "B 2*H 2*W C"]:
    """Every pixel repeated to 2x2."""
    batch, rows, columns, channels = x.shape
    x = jnp.broadcast_to(x[:, :, None, :, None], (batch, rows, 2, columns, 2, channels))
    return x.reshape(batch, 2 * rows, 2 * columns, channels)
