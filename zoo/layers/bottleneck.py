"""The residual block of the published convolutional models."""

from __future__ import annotations

import equinox as eqx
import jax
from jaxtyping import Array, Float

from zoo.layers.biased_conv import BiasedConv
from zoo.layers.linear import Linear
from zoo.typing import Key

RATIO = 4
"""Channels of a block in units of those inside it."""


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
