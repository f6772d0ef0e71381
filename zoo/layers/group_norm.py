"""Group normalisation of channel-last maps, always in float32."""

from __future__ import annotations

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from zoo.layers.backend import on_cpu

Maps = Float[Array, "B H W C"]
Pixels = Float[Array, "B P C"]


class GroupNorm(eqx.Module):
    """Normalise every group of neighbouring channels over all pixels of an example.

    Statistics and arithmetic are float32 whatever the compute dtype; so is the result.
    """

    scale: Float[Array, " C"]
    bias: Float[Array, " C"]
    groups: int = eqx.field(static=True)
    eps: float = eqx.field(static=True)

    def __init__(self, channels: int, groups: int, *, eps: float = 1e-5) -> None:
        self.scale, self.bias = jnp.ones(channels), jnp.zeros(channels)
        self.groups, self.eps = groups, eps

    def __call__(self, x: Maps) -> Maps:
        """The normalised maps, float32."""
        standardise = standardise_by_products if on_cpu() else standardise_plain
        x = standardise(x.astype(jnp.float32), self.groups, self.eps)
        return x * self.scale.astype(jnp.float32) + self.bias.astype(jnp.float32)


def standardise_plain(x: Maps, groups: int, eps: float) -> Maps:
    """Zero mean and unit variance of every group: the plain formulation."""
    grouped = x.reshape(len(x), -1, groups, x.shape[-1] // groups)
    grouped = grouped - jnp.mean(grouped, axis=(1, 3), keepdims=True)
    variance = jnp.mean(jnp.square(grouped), axis=(1, 3), keepdims=True)
    return (grouped * lax.rsqrt(variance + eps)).reshape(x.shape)


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def standardise_by_products(x: Maps, groups: int, eps: float) -> Maps:
    """The same with means as matrix products: XLA's CPU sums over an inner axis are slow, above all backwards.

    Reverse-mode derivatives only.
    """
    pixels, _ = _forward(x, groups, eps)
    return pixels


def _forward(x: Maps, groups: int, eps: float) -> tuple[Maps, tuple[Pixels, Float[Array, "B 1 C"]]]:
    pixels = x.reshape(len(x), -1, x.shape[-1])
    pixels = pixels - _mean(pixels, groups)
    scale = lax.rsqrt(_mean(pixels * pixels, groups) + eps)
    pixels = pixels * scale
    return pixels.reshape(x.shape), (pixels, scale)


def _backward(groups: int, eps: float, saved: tuple[Pixels, Float[Array, "B 1 C"]], gradient: Maps) -> tuple[Maps]:
    del eps
    pixels, scale = saved
    pulled = gradient.reshape(pixels.shape)
    pulled = scale * (pulled - _mean(pulled, groups) - pixels * _mean(pulled * pixels, groups))
    return (pulled.reshape(gradient.shape),)


standardise_by_products.defvjp(_forward, _backward)


def _mean(pixels: Pixels, groups: int) -> Float[Array, "B 1 C"]:
    """The mean of every group, once for each of its channels."""
    number, channels = pixels.shape[1:]
    size = channels // groups
    means = jnp.full((1, number), 1.0 / number) @ pixels
    same_group = np.kron(np.eye(groups), np.full((size, size), 1.0 / size)).astype(np.float32)
    return (means[:, 0] @ same_group)[:, None]
