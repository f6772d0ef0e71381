"""Sinusoidal embedding of the time of a flow or diffusion process."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def sinusoidal_embedding(time: Float[Array, " B"], size: int, max_period: float = 10_000.0) -> Float[Array, "B size"]:
    """`[cos(t w_k), sin(t w_k)]`, w_k = max_period^(-k / (size/2)), k = 0..size/2-1, in float32.

    The published flow-matching U-Net feeds the raw t in [0, 1] (components 8.2). `size` is even.
    """
    half = size // 2
    frequencies = jnp.exp(-jnp.log(max_period) * jnp.arange(half) / half)
    angles = time.astype(jnp.float32)[:, None] * frequencies
    return jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=-1)
