"""The residual block of the published convolutional models, and the convolution with bias inside it."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.convolution import convolve
from zoo.layers.initial import lecun_normal
from zoo.layers.linear import Linear
from zoo.typing import Key

RATIO = 4
"""Channels of a block in units of those inside it."""


class BiasedConv(eqx.Module):
    """`size` x `size` convolution of stride 1 with zero padding; kernel LeCun normal, bias zero (components 0)."""

    weight: Float[Array, "size size in out"]
    bias: Float[Array, " out"]

    def __init__(self, in_channels: int, out_channels: int, size: int, *, key: Key) -> None:
        self.weight = lecun_normal(key, (size, size, in_channels, out_channels))
        self.bias = jnp.zeros(out_channels)

    def __call__(self, x: Float[Array, "B H W in"]) -> Float[Array, "B H W out"]:
        """The convolved maps, in the dtype of the weights."""
        return convolve(x.astype(self.weight.dtype), self.weight) + self.bias


class BottleneckBlock(eqx.Module):
    """x + (GELU, 1x1, GELU, 3x3, GELU, 3x3, GELU, 1x1)(x), a quarter of the channels inside (components 1)."""

    narrow: Linear
    convolutions: tuple[BiasedConv, BiasedConv]
    widen: Linear

    def __init__(self, channels: int, *, key: Key) -> None:
        keys = jax.random.split(key, 4)
        inside = channels // RATIO
        self.narrow = Linear(channels, inside, key=keys[0])
        self.convolutions = BiasedConv(inside, inside, 3, key=keys[1]), BiasedConv(inside, inside, 3, key=keys[2])
        self.widen = Linear(inside, channels, key=keys[3])

    def __call__(self, x: Float[Array, "B H W C"]) -> Float[Array, "B H W C"]:
        """Maps of the same size and channels; a multiple of four of them."""
        h = self.narrow(jax.nn.gelu(x))
        for convolution in self.convolutions:
            h = convolution(jax.nn.gelu(h))
        return x + self.widen(jax.nn.gelu(h))
