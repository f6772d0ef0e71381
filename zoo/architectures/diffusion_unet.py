"""The conditional U-Net of the thesis' diffusion model (components 9)."""

from __future__ import annotations

from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.architectures.time_network import TimeNetwork, TimeNetworkConfig
from zoo.catalogue import register
from zoo.errors import ComponentError
from zoo.layers.biased_conv import BiasedConv
from zoo.layers.group_norm import GroupNorm
from zoo.layers.group_residual import GroupResidualBlock
from zoo.layers.initial import uniform
from zoo.layers.keys import endless
from zoo.layers.linear import Linear
from zoo.layers.resize import double
from zoo.layers.spatial_transformer import SpatialTransformer
from zoo.layers.time_embedding import sinusoidal_embedding
from zoo.typing import Key

TIME_SCALE = 1000.0
"""The network is made for the number of a step out of a thousand."""


@register("architecture", "diffusion_unet")
class DiffusionUNetConfig(TimeNetworkConfig):
    """U-Net of the thesis' diffusion model: group norm, attention to the condition; 4,255,585 parameters.

    Kernels start uniform within 1/sqrt(fan_in), the default of PyTorch, in which it was published; biases at zero.
    """

    channels: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Strict(False), Field(min_length=1)] = (16, 32, 64, 128)
    """Channels of every level, from fine to coarse; each further level halves the map, rounding up."""
    residual_blocks: Annotated[int, Field(ge=1)] = 2
    """Residual blocks per level on the way down; there is one more on the way up."""
    attention: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Strict(False)] = (2,)
    """Levels with attention after every residual block, counted from 0 for the finest; the middle has it always."""
    heads: Annotated[int, Field(ge=1)] = 4
    """Attention heads; must divide the channels of every level with attention and of the deepest."""
    groups: Annotated[int, Field(ge=1)] = 8
    """Groups of channels that are normalised together; must divide the channels of every level."""
    time_features: Annotated[int, Field(ge=2, multiple_of=2)] = 16
    """Size of the sinusoidal time embedding."""
    time_size: Annotated[int, Field(ge=1)] = 64
    """Size of the time vector that every residual block receives."""
    context: Annotated[int, Field(ge=1)] = 32
    """Size of the single token that the condition becomes."""

    def build(
        self, *, shape: tuple[int, ...], in_channels: int, out_channels: int, features: int, key: Key
    ) -> DiffusionUNet:
        """A U-Net for images of `shape`.

        Raises:
            ComponentError: the target is not an image, the image is too small for the levels, there is no such level,
                or `heads` or `groups` does not divide what it has to divide.
        """
        if len(shape) != 2:
            raise ComponentError(f"architecture 'diffusion_unet' needs an image, not a target of shape {shape}")
        levels = len(self.channels)
        if min(shape) <= 2 ** (levels - 1):
            raise ComponentError(
                f"architecture 'diffusion_unet': {levels} levels are too many for images of "
                f"{shape[0]}x{shape[1]} pixels"
            )
        for level in self.attention:
            if level >= levels:
                raise ComponentError(
                    f"architecture 'diffusion_unet': attention = {level} is no level; there are 0 to {levels - 1}"
                )
        for level, width in enumerate(self.channels):
            if width % self.groups:
                raise ComponentError(
                    f"architecture 'diffusion_unet': groups = {self.groups} must divide the channels {width}"
                )
            if (level in self.attention or level == levels - 1) and width % self.heads:
                raise ComponentError(
                    f"architecture 'diffusion_unet': heads = {self.heads} must divide the channels {width}"
                )
        return DiffusionUNet(self, in_channels, out_channels, features, key=key)


class Step(eqx.Module):
    """A residual block, with attention after it on some levels."""

    residual: GroupResidualBlock
    attention: SpatialTransformer | None

    def __call__(
        self, x: Float[Array, "B H W in"], time: Float[Array, "B T"], context: Float[Array, "B context"]
    ) -> Float[Array, "B H W out"]:
        """The map after both."""
        x = self.residual(x, time)
        return x if self.attention is None else self.attention(x, context)


class DiffusionUNet(TimeNetwork):
    """See `DiffusionUNetConfig`. Works on batches, channel-last.

    Skips are pushed after the first convolution, every step and every halving, and popped in reverse order.
    """

    time_hidden: Linear
    time_out: Linear
    condition: Linear
    first: BiasedConv
    down: tuple[tuple[Step, ...], ...]
    downsample: tuple[BiasedConv, ...]
    middle_first: Step
    middle_second: Step
    up: tuple[tuple[Step, ...], ...]
    upsample: tuple[BiasedConv, ...]
    norm: GroupNorm
    last: BiasedConv
    time_features: int = eqx.field(static=True)

    def __init__(
        self, config: DiffusionUNetConfig, in_channels: int, out_channels: int, features: int, *, key: Key
    ) -> None:
        keys = endless(key)
        widths, deepest = config.channels, len(config.channels) - 1

        def step(channels: int, width: int, *, attended: bool) -> Step:
            residual = GroupResidualBlock(channels, width, config.groups, config.time_size, key=next(keys))
            if not attended:
                return Step(residual, None)
            return Step(
                residual, SpatialTransformer(width, config.heads, config.groups, config.context, key=next(keys))
            )

        self.time_features = config.time_features
        self.time_hidden = Linear(config.time_features, config.time_size, init=uniform, key=next(keys))
        self.time_out = Linear(config.time_size, config.time_size, init=uniform, key=next(keys))
        self.condition = Linear(features, config.context, init=uniform, key=next(keys))
        self.first = BiasedConv(in_channels, widths[0], 3, init=uniform, key=next(keys))

        channels, skips, down, halving = widths[0], [widths[0]], [], []
        for level, width in enumerate(widths):
            steps = []
            for _ in range(config.residual_blocks):
                steps.append(step(channels, width, attended=level in config.attention))
                channels = width
                skips.append(channels)
            down.append(tuple(steps))
            if level < deepest:
                halving.append(BiasedConv(width, width, 3, stride=2, init=uniform, key=next(keys)))
                skips.append(channels)
        self.down, self.downsample = tuple(down), tuple(halving)

        self.middle_first = step(channels, channels, attended=True)
        self.middle_second = step(channels, channels, attended=False)

        up, doubling = [], []
        for level, width in reversed(list(enumerate(widths))):
            steps = []
            for _ in range(config.residual_blocks + 1):
                steps.append(step(channels + skips.pop(), width, attended=level in config.attention))
                channels = width
            up.append(tuple(steps))
            if level > 0:
                doubling.append(BiasedConv(width, width, 3, init=uniform, key=next(keys)))
        self.up, self.upsample = tuple(up), tuple(doubling)
        self.norm = GroupNorm(channels, config.groups)
        self.last = BiasedConv(channels, out_channels, 3, init=uniform, key=next(keys))

    def __call__(
        self,
        x: Float[Array, "B H W in"],
        time: Float[Array, " B"],
        features: Float[Array, "B F"],
        *,
        key: Key | None = None,
    ) -> Float[Array, "B H W out"]:
        """Predict the field; there is no dropout, so `key` is not used."""
        del key
        time = self.time_hidden(sinusoidal_embedding(TIME_SCALE * time, self.time_features))
        time = self.time_out(jax.nn.silu(time))
        context = self.condition(features)
        x = self.first(x)
        skips = [x]
        for level, steps in enumerate(self.down):
            for step in steps:
                x = step(x, time, context)
                skips.append(x)
            if level < len(self.downsample):
                x = self.downsample[level](x)
                skips.append(x)
        x = self.middle_second(self.middle_first(x, time, context), time, context)
        for level, steps in enumerate(self.up):
            if level > 0:
                rows, columns = skips[-1].shape[1:3]
                x = self.upsample[level - 1](double(x)[:, :rows, :columns])
            for step in steps:
                x = step(jnp.concatenate([x, skips.pop()], axis=-1), time, context)
        return self.last(jax.nn.silu(self.norm(x))).astype(jnp.float32)
