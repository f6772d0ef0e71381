"""ReLU that cannot die."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@jax.custom_vjp
def rectify(x: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """max(x, 0), for outputs and codes that must not be negative.

    Its gradient is that of ReLU, and below zero it passes whatever would raise the output: the projected gradient of a
    value bound to be positive. With ReLU's own, a pixel that is dark for every event of a few large steps gets no
    gradient any more and stays dark; most pixels of a calorimeter are dark most of the time, so that whole decoders
    fell silent.
    """
    return jnp.maximum(x, 0)


def _forward(x: Float[Array, "*any"]) -> tuple[Float[Array, "*any"], Float[Array, "*any"]]:
    return jnp.maximum(x, 0), x


def _backward(x: Float[Array, "*any"], gradient: Float[Array, "*any"]) -> tuple[Float[Array, "*any"]]:
    return (jnp.where((x > 0) | (gradient < 0), gradient, jnp.zeros((), gradient.dtype)),)


rectify.defvjp(_forward, _backward)
