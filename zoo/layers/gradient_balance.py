"""An identity that decides how long the gradient passing through it is."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

EPS = 1e-8
"""Keeps a gradient of nothing at nothing (schemes 6)."""


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def with_gradient_norm(x: Float[Array, "*shape"], norm: float) -> Float[Array, "*shape"]:
    """`x` itself; a gradient g with respect to it is handed on as norm g / (|g| + 1e-8).

    |g| is one Euclidean norm over the whole array, a batch of responses, float32. Losses that look at the same
    responses through one such path each pull at them with forces of given size, whatever their own scale (FM paper,
    equation 7). Reverse-mode derivatives only.
    """
    del norm
    return x


def _forward(x: Float[Array, "*shape"], norm: float) -> tuple[Float[Array, "*shape"], None]:
    del norm
    return x, None


def _backward(norm: float, saved: None, gradient: Float[Array, "*shape"]) -> tuple[Float[Array, "*shape"]]:
    del saved
    g = gradient.astype(jnp.float32)
    length = jnp.sqrt(jnp.sum(jnp.square(g)))
    return ((norm * g / (length + EPS)).astype(gradient.dtype),)


with_gradient_norm.defvjp(_forward, _backward)
