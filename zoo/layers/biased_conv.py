"""Convolutions with bias on channel-last maps."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.convolution import convolve, convolve_centred
from zoo.layers.initial import Initialiser, lecun_normal
from zoo.typing import Key


class BiasedConv(eqx.Module):
    """`size` x `size` convolution (odd sizes) with zero padding; kernel LeCun normal or `init`, bias zero.

    With a stride, the padding is the same on both sides, as in PyTorch: a map of n pixels gives ceil(n / stride),
    centred on pixels 0, stride, 2 stride, ...
    """

    weight: Float[Array, "size size in out"]
    bias: Float[Array, " out"]
    stride: int = eqx.field(static=True)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int,
        *,
        stride: int = 1,
        init: Initialiser = lecun_normal,
        key: Key,
    ) -> None:
        self.weight = init(key, (size, size, in_channels, out_channels))
        self.bias = jnp.zeros(out_channels)
        self.stride = stride

    def __call__(self, x: Float[Array, "B H W in"]) -> Float[Array, "B h w out"]:
        """The convolved maps, in the dtype of the weights."""
        x = x.astype(self.weight.dtype)
        convolved = convolve(x, self.weight) if self.stride == 1 else convolve_centred(x, self.weight, self.stride)
        return convolved + self.bias
