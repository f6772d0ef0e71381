"""The compact U-Net of the flow-matching paper (components 8.2 and 8.3)."""

from __future__ import annotations

from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.architectures.time_network import TimeNetwork, TimeNetworkConfig
from zoo.catalogue import Published, register
from zoo.errors import ComponentError
from zoo.layers.attention import ConditionalAttention
from zoo.layers.conv import Conv, Downsample, Upsample
from zoo.layers.kernels import Kernels, with_kernels
from zoo.layers.keys import endless
from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.layers.residual import ResidualBlock
from zoo.layers.time_embedding import sinusoidal_embedding
from zoo.typing import Key


@register("architecture", "unet")
class UNetConfig(TimeNetworkConfig):
    """U-Net of the flow-matching paper: bias-free convolutions, attention with a condition token; 77,372 parameters."""

    channels: Annotated[int, Field(ge=1)] = 4
    """Channels after the first convolution; the unit of `multipliers`."""
    multipliers: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Strict(False), Field(min_length=1)] = (2, 3, 4)
    """Channels of every level in units of `channels`; each further level halves the map."""
    residual_blocks: Annotated[int, Field(ge=1)] = 2
    """Residual blocks per level and direction."""
    heads: Annotated[int, Field(ge=1)] = 2
    """Attention heads; must divide the width of the second-deepest level and of the deepest."""
    drop_token: Annotated[Literal["last", "first"], Published("first")] = "last"
    """Which token is removed after attention: the condition token ("last"), or the first pixel, as in the published
    code, which shifts the map by one pixel."""
    kernels: Kernels = "published"
    """How convolutions start: as published, with maps that shrink at each, or as "lecun" draws them, keeping a map's
    scale."""

    def build(self, *, shape: tuple[int, ...], in_channels: int, out_channels: int, features: int, key: Key) -> UNet:
        """A U-Net for images of `shape`.

        Raises:
            ComponentError: the target is not an image, the image is too small for the levels, or `heads` does not
                divide a width it has to divide.
        """
        if len(shape) != 2:
            raise ComponentError(f"architecture 'unet' needs an image, not a target of shape {shape}")
        levels = len(self.multipliers)
        if min(shape) <= 2 ** (levels - 1):
            raise ComponentError(
                f"architecture 'unet': {levels} levels are too many for images of {shape[0]}x{shape[1]} pixels"
            )
        for width in {self.channels * multiplier for multiplier in self.multipliers[-2:]}:
            if width % self.heads:
                raise ComponentError(f"architecture 'unet': heads = {self.heads} must divide the level width {width}")
        return with_kernels(UNet(self, in_channels, out_channels, features, key=key), self.kernels, key)


class Embedding(eqx.Module):
    """Dense, SiLU, dense; bias-free."""

    hidden: Linear
    out: Linear

    def __init__(self, in_size: int, size: int, *, key: Key) -> None:
        hidden_key, out_key = jax.random.split(key)
        self.hidden = Linear(in_size, size, use_bias=False, key=hidden_key)
        self.out = Linear(size, size, use_bias=False, key=out_key)

    def __call__(self, x: Float[Array, "B in"]) -> Float[Array, "B size"]:
        """The embedded vectors."""
        return self.out(jax.nn.silu(self.hidden(x)))


class Step(eqx.Module):
    """A residual block, with attention before it on the second-deepest level and in the middle."""

    attention: ConditionalAttention | None
    residual: ResidualBlock


class UNet(TimeNetwork):
    """See `UNetConfig`. Works on batches: batched channel-last convolutions are the fastest on CPUs and GPUs.

    Skips are pushed after every residual block and every attention on the way down, and popped in reverse order.
    """

    time: Embedding
    condition: Embedding
    first: Conv
    down: tuple[tuple[Step, ...], ...]
    downsample: tuple[Downsample, ...]
    middle_first: ResidualBlock
    middle: tuple[Step, ...]
    up: tuple[tuple[Step, ...], ...]
    upsample: tuple[Upsample, ...]
    norm: LayerNorm
    last: Conv
    time_features: int = eqx.field(static=True)

    def __init__(self, config: UNetConfig, in_channels: int, out_channels: int, features: int, *, key: Key) -> None:
        keys = endless(key)
        widths = [config.channels * multiplier for multiplier in config.multipliers]
        attended = len(widths) - 2
        size = 2 * widths[0]

        def attention(channels: int, width: int) -> ConditionalAttention:
            return ConditionalAttention(
                channels, width, config.heads, size, drop_token=config.drop_token, key=next(keys)
            )

        def residual(channels: int, width: int) -> ResidualBlock:
            return ResidualBlock(channels, width, time_size=size, key=next(keys))

        self.time_features = widths[0]
        self.time = Embedding(self.time_features, size, key=next(keys))
        self.condition = Embedding(features, size, key=next(keys))
        self.first = Conv(in_channels, config.channels, 3, key=next(keys))

        channels, skips, down = config.channels, [], []
        for level, width in enumerate(widths):
            steps = []
            for _ in range(config.residual_blocks):
                looking = None
                if level == attended:
                    looking = attention(channels, width)
                    skips.append(channels)
                steps.append(Step(looking, residual(channels, width)))
                channels = width
                skips.append(channels)
            down.append(tuple(steps))
        self.down = tuple(down)
        self.downsample = tuple(Downsample(width, key=next(keys)) for width in widths[:-1])

        self.middle_first = residual(channels, channels)
        self.middle = tuple(
            Step(attention(channels, channels), residual(channels, channels)) for _ in range(config.residual_blocks)
        )

        up = []
        for level, width in reversed(list(enumerate(widths))):
            steps = []
            for _ in range(config.residual_blocks):
                channels += skips.pop()
                looking = None
                if level == attended:
                    looking = attention(channels, width)
                    channels += skips.pop()
                steps.append(Step(looking, residual(channels, width)))
                channels = width
            up.append(tuple(steps))
        self.up = tuple(up)
        self.upsample = tuple(Upsample(width, key=next(keys)) for width in widths[:0:-1])
        self.norm = LayerNorm(channels)
        self.last = Conv(channels, out_channels, 1, key=next(keys))

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
        time = self.time(sinusoidal_embedding(time, self.time_features))
        condition = self.condition(features)
        x = self.first(x)
        skips = []
        for level, steps in enumerate(self.down):
            for step in steps:
                if step.attention is not None:
                    x = step.attention(x, condition)
                    skips.append(x)
                x = step.residual(x, time)
                skips.append(x)
            if level < len(self.downsample):
                x = self.downsample[level](x)
        x = self.middle_first(x, time)
        for step in self.middle:
            assert step.attention is not None
            x = step.residual(step.attention(x, condition), time)
        for level, steps in enumerate(self.up):
            if level > 0:
                rows, columns = skips[-1].shape[1:3]
                x = self.upsample[level - 1](x)[:, :rows, :columns]
            for step in steps:
                x = jnp.concatenate([skips.pop(), x], axis=-1)
                if step.attention is not None:
                    x = jnp.concatenate([skips.pop(), step.attention(x, condition)], axis=-1)
                x = step.residual(x, time)
        return self.last(jax.nn.silu(self.norm(x))).astype(jnp.float32)
