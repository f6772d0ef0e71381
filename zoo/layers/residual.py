"""Pre-activation residual block of the compact convolutional networks."""

from __future__ import annotations

import equinox as eqx
import jax
from jaxtyping import Array, Float

from zoo.layers.conv import Conv
from zoo.layers.initial import normal
from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.typing import Key


class ResidualBlock(eqx.Module):
    """LN, swish, conv; plus swish of the projected time; LN, swish, conv; plus the input (components 8)."""

    norm1: LayerNorm
    conv1: Conv
    time: Linear | None
    norm2: LayerNorm
    conv2: Conv
    skip: Conv | None

    def __init__(
        self, in_channels: int, out_channels: int, *, time_size: int | None = None, eps: float = 1e-6, key: Key
    ) -> None:
        keys = jax.random.split(key, 4)
        self.norm1 = LayerNorm(in_channels, eps=eps)
        self.conv1 = Conv(in_channels, out_channels, 3, key=keys[0])
        self.time = None
        if time_size is not None:
            init = normal(0.01 / out_channels)
            self.time = Linear(time_size, out_channels, use_bias=False, init=init, key=keys[1])
        self.norm2 = LayerNorm(out_channels, eps=eps)
        self.conv2 = Conv(out_channels, out_channels, 3, std=1e-4 / out_channels, key=keys[2])
        self.skip = Conv(in_channels, out_channels, 1, key=keys[3]) if in_channels != out_channels else None

    def __call__(
        self, x: Float[Array, "B H W in"], time: Float[Array, "B T"] | None = None
    ) -> Float[Array, "B H W out"]:
        """The map with its residual added; `time` is needed where the block was built with one."""
        h = self.conv1(jax.nn.silu(self.norm1(x)))
        if self.time is not None and time is not None:
            h = h + jax.nn.silu(self.time(time))[:, None, None, :]
        h = self.conv2(jax.nn.silu(self.norm2(h)))
        return h + (x if self.skip is None else self.skip(x))
