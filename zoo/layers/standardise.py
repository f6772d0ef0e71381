"""Zero mean and unit variance over the last axis: the arithmetic of layer normalisation."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from zoo.layers.backend import on_cpu


def standardise(x: Float[Array, "*batch size"], eps: float) -> Float[Array, "*batch size"]:
    """`(x - mean) / sqrt(variance + eps)` over the last axis, for float32 `x`."""
    if on_cpu():
        return standardise_rows(x, eps)
    return standardise_plain(x, eps)


def standardise_plain(x: Float[Array, "*batch size"], eps: float) -> Float[Array, "*batch size"]:
    """The plain formulation."""
    x = x - jnp.mean(x, axis=-1, keepdims=True)
    return x * lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + eps)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def standardise_rows(x: Float[Array, "*batch size"], eps: float) -> Float[Array, "*batch size"]:
    """The same with means as products with a vector.

    XLA's CPU sums over a short last axis are slow, forward and backward: with 8 channels this is 3 to 5 times as fast.
    Reverse-mode derivatives only.
    """
    rows, _ = _forward(x, eps)
    return rows


def _forward(x: Array, eps: float) -> tuple[Array, tuple[Array, Array]]:
    rows = x.reshape(-1, x.shape[-1])
    rows = rows - _mean(rows)
    scale = lax.rsqrt(_mean(rows * rows) + eps)
    rows = rows * scale
    return rows.reshape(x.shape), (rows, scale)


def _backward(eps: float, saved: tuple[Array, Array], gradient: Array) -> tuple[Array]:
    del eps
    rows, scale = saved
    pulled = gradient.reshape(rows.shape)
    pulled = scale * (pulled - _mean(pulled) - rows * _mean(pulled * rows))
    return (pulled.reshape(gradient.shape),)


standardise_rows.defvjp(_forward, _backward)


def _mean(rows: Float[Array, "rows size"]) -> Float[Array, "rows 1"]:
    size = rows.shape[1]
    return (rows @ jnp.full(size, 1.0 / size, rows.dtype))[:, None]
