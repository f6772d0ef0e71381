"""The residual block of the published diffusion network."""

from __future__ import annotations

import equinox as eqx
import jax
from jaxtyping import Array, Float

from zoo.layers.biased_conv import BiasedConv
from zoo.layers.group_norm import GroupNorm
from zoo.layers.initial import uniform
from zoo.layers.linear import Linear
from zoo.typing import Key


class GroupResidualBlock(eqx.Module):
    """GN, SiLU, conv; plus the projected SiLU of the time; GN, SiLU, conv; plus the input (components 9)."""

    norm1: GroupNorm
    conv1: BiasedConv
    time: Linear
    norm2: GroupNorm
    conv2: BiasedConv
    skip: Linear | None

    def __init__(self, in_channels: int, out_channels: int, groups: int, time_size: int, *, key: Key) -> None:
        keys = jax.random.split(key, 4)
        self.norm1, self.norm2 = GroupNorm(in_channels, groups), GroupNorm(out_channels, groups)
        self.conv1 = BiasedConv(in_channels, out_channels, 3, init=uniform, key=keys[0])
        self.time = Linear(time_size, out_channels, init=uniform, key=keys[1])
        self.conv2 = BiasedConv(out_channels, out_channels, 3, init=uniform, key=keys[2])
        self.skip = None
        if in_channels != out_channels:
            self.skip = Linear(in_channels, out_channels, init=uniform, key=keys[3])

    def __call__(self, x: Float[Array, "B H W in"], time: Float[Array, "B T"]) -> Float[Array, "B H W out"]:
        """The map (through a 1x1 convolution where its channels change) with its residual added."""
        h = self.conv1(jax.nn.silu(self.norm1(x))) + self.time(jax.nn.silu(time))[:, None, None, :]
        h = self.conv2(jax.nn.silu(self.norm2(h)))
        return h + (x if self.skip is None else self.skip(x))
