"""Bias-free convolutions on channel-last maps, and the two that change the size of a map."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from zoo.layers.convolution import convolve
from zoo.layers.initial import normal
from zoo.typing import Key

# [parity of the fine pixel, coarse neighbour -1..1, tap]: which coarse pixel each tap of a fine 3x3 kernel falls on
_TAPS = np.array(
    [[[1, 0, 0], [0, 1, 1], [0, 0, 0]], [[0, 0, 0], [1, 1, 0], [0, 0, 1]]],
    np.float32,
)


class Conv(eqx.Module):
    """`size` x `size` convolution (odd sizes), zero-padded so that a map of n pixels gives ceil(n / stride).

    Kernel: normal with standard deviation 1 / (out_channels size^2), or `std` (components 8).
    """

    weight: Float[Array, "size size in out"]
    stride: int = eqx.field(static=True)

    def __init__(
        self, in_channels: int, out_channels: int, size: int, *, stride: int = 1, std: float | None = None, key: Key
    ) -> None:
        std = 1.0 / (out_channels * size * size) if std is None else std
        self.weight = normal(std)(key, (size, size, in_channels, out_channels))
        self.stride = stride

    def __call__(self, x: Float[Array, "B H W in"]) -> Float[Array, "B h w out"]:
        """The convolved maps, in the dtype of the weights."""
        return convolve(x.astype(self.weight.dtype), self.weight, self.stride)


class Downsample(eqx.Module):
    """Halve a map (rounding up) with a 3x3 convolution of stride 2."""

    conv: Conv

    def __init__(self, channels: int, *, key: Key) -> None:
        self.conv = Conv(channels, channels, 3, stride=2, key=key)

    def __call__(self, x: Float[Array, "B H W C"]) -> Float[Array, "B h w C"]:
        """Maps of half the size."""
        return self.conv(x)


class Upsample(eqx.Module):
    """Double a map by repeating every pixel, then a 3x3 convolution.

    Computed before the pixels are repeated: the taps that fall on copies of one pixel are added up, and the four
    fine pixels of a coarse one come out as channels.
    """

    conv: Conv

    def __init__(self, channels: int, *, key: Key) -> None:
        self.conv = Conv(channels, channels, 3, key=key)

    def __call__(self, x: Float[Array, "B H W C"]) -> Float[Array, "B 2*H 2*W C"]:
        """Maps of twice the size."""
        weight = self.conv.weight
        taps = _TAPS.astype(weight.dtype)
        kernel = jnp.einsum("pak,qbl,klio->abipqo", taps, taps, weight)
        batch, rows, columns, channels = x.shape
        fine = convolve(x.astype(weight.dtype), kernel.reshape(3, 3, channels, -1))
        fine = fine.reshape(batch, rows, columns, 2, 2, -1).transpose(0, 1, 3, 2, 4, 5)
        return fine.reshape(batch, 2 * rows, 2 * columns, -1)
