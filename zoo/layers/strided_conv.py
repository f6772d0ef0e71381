"""Convolutions that halve or double a map, on channel-last maps, with bias.

All of them are computed as convolutions of 2x2 windows without stride: four fine pixels of the larger map are the
channels of one coarse pixel, so that no multiplication is by a zero, in neither direction.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from zoo.layers.initial import lecun_normal
from zoo.typing import Key

# [parity of the fine pixel, pixel of the window, tap]: which of the window's two coarse pixels each tap falls on.
_TRANSPOSED = np.array([[[0, 0, 0, 1], [0, 1, 0, 0]], [[0, 0, 1, 0], [1, 0, 0, 0]]], np.float32)
_REPEATED = np.array([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], np.float32)


class HalvingConv(eqx.Module):
    """4x4 convolution of stride 2, zero-padded by a pixel in front: n pixels give ceil(n / 2); LeCun normal."""

    weight: Float[Array, "4 4 in out"]
    bias: Float[Array, " out"]

    def __init__(self, in_channels: int, out_channels: int, *, key: Key) -> None:
        self.weight = lecun_normal(key, (4, 4, in_channels, out_channels))
        self.bias = jnp.zeros(out_channels)

    def __call__(self, x: Float[Array, "B H W in"]) -> Float[Array, "B h w out"]:
        """Maps of half the size, rounded up, in the dtype of the weights."""
        channels, outputs = self.weight.shape[2:]
        batch, rows, columns, _ = x.shape
        # A pixel in front, and one behind or two: whole 2x2 blocks.
        x = jnp.pad(x.astype(self.weight.dtype), [(0, 0), (1, 1 + rows % 2), (1, 1 + columns % 2), (0, 0)])
        x = x.reshape(batch, x.shape[1] // 2, 2, x.shape[2] // 2, 2, channels)
        x = x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, x.shape[1], x.shape[3], 4 * channels)
        kernel = self.weight.reshape(2, 2, 2, 2, channels, outputs).transpose(0, 2, 1, 3, 4, 5)
        return _windows(x, kernel.reshape(2, 2, 4 * channels, outputs)) + self.bias


class TransposedConv(eqx.Module):
    """4x4 transposed convolution of stride 2: n pixels give 2n, the tails that stick out cut off; LeCun normal."""

    weight: Float[Array, "4 4 in out"]
    bias: Float[Array, " out"]

    def __init__(self, in_channels: int, out_channels: int, *, key: Key) -> None:
        self.weight = lecun_normal(key, (4, 4, in_channels, out_channels))
        self.bias = jnp.zeros(out_channels)

    def __call__(self, x: Float[Array, "B H W in"]) -> Float[Array, "B 2*H 2*W out"]:
        """Maps of twice the size, in the dtype of the weights."""
        return _doubled(x, self.weight, _TRANSPOSED) + self.bias


class RepeatedConv(eqx.Module):
    """Every pixel repeated to 2x2, then a zero-padded 3x3 convolution: n pixels give 2n; LeCun normal."""

    weight: Float[Array, "3 3 in out"]
    bias: Float[Array, " out"]

    def __init__(self, in_channels: int, out_channels: int, *, key: Key) -> None:
        self.weight = lecun_normal(key, (3, 3, in_channels, out_channels))
        self.bias = jnp.zeros(out_channels)

    def __call__(self, x: Float[Array, "B H W in"]) -> Float[Array, "B 2*H 2*W out"]:
        """Maps of twice the size, in the dtype of the weights."""
        return _doubled(x, self.weight, _REPEATED) + self.bias


def _doubled(
    x: Float[Array, "B H W in"], weight: Float[Array, "size size in out"], taps: Float[np.ndarray, "2 2 size"]
) -> Float[Array, "B 2*H 2*W out"]:
    """The fine pixels of both parities, each a sum over the 2x2 window of coarse pixels around its corner.

    Window j of the padded map holds coarse pixels j - 1 and j; the even fine pixel 2i is made from window i, the odd
    one from window i + 1.
    """
    channels, outputs = weight.shape[2:]
    batch, rows, columns, _ = x.shape
    kernel = jnp.einsum("pak,qbl,klio->abipqo", taps.astype(weight.dtype), taps.astype(weight.dtype), weight)
    x = jnp.pad(x.astype(weight.dtype), [(0, 0), (1, 1), (1, 1), (0, 0)])
    fine = _windows(x, kernel.reshape(2, 2, channels, 4 * outputs)).reshape(batch, rows + 1, columns + 1, 2, 2, outputs)
    fine = jnp.stack([fine[:, :-1, :, 0], fine[:, 1:, :, 1]], axis=2)
    fine = jnp.stack([fine[:, :, :, :-1, 0], fine[:, :, :, 1:, 1]], axis=4)
    return fine.reshape(batch, 2 * rows, 2 * columns, outputs)


def _windows(x: Float[Array, "B H W in"], kernel: Float[Array, "2 2 in out"]) -> Float[Array, "B H-1 W-1 out"]:
    """A convolution of whole 2x2 windows."""
    return lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
