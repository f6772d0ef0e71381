"""Bias-free convolutions on channel-last maps, and the two that change the size of a map."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from zoo.typing import Key


class Conv(eqx.Module):
    """`size` x `size` convolution, zero-padded so that a map of n pixels gives ceil(n / stride)."""

    weight: Float[Array, "size size in out"]
    stride: int = eqx.field(static=True)

    def __init__(
        self, in_channels: int, out_channels: int, size: int, *, stride: int = 1, std: float | None = None, key: Key
    ) -> None:
        std = 1.0 / (out_channels * size * size) if std is None else std
        self.weight = std * jax.random.normal(key, (size, size, in_channels, out_channels))
        self.stride = stride

    def __call__(self, x: Float[Array, "B H W in"]) -> Float[Array, "B h w out"]:
        return lax.conv_general_dilated(
            x.astype(self.weight.dtype),
            self.weight,
            (self.stride, self.stride),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )


class Downsample(eqx.Module):
    """Halve a map (rounding up) with a 3x3 convolution of stride 2."""

    conv: Conv

    def __init__(self, channels: int, *, key: Key) -> None:
        self.conv = Conv(channels, channels, 3, stride=2, key=key)

    def __call__(self, x: Float[Array, "B H W C"]) -> Float[Array, "B h w C"]:
        return self.conv(x)


class Upsample(eqx.Module):
    """Double a map by repeating pixels, then a 3x3 convolution."""

    conv: Conv

    def __init__(self, channels: int, *, key: Key) -> None:
        self.conv = Conv(channels, channels, 3, key=key)

    def __call__(self, x: Float[Array, "B H W C"]) -> Float[Array, "B 2*H 2*W C"]:
        return self.conv(jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2))
