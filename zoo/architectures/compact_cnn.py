"""The compact convolutional encoder and decoder of the flow-matching paper (components 8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.architectures.backbone import Decoder, Encoder
from zoo.architectures.map_backbone import MapBackboneConfig
from zoo.catalogue import Published, register
from zoo.errors import ComponentError
from zoo.layers.attention import AttentionBlock
from zoo.layers.conv import Conv, Downsample, Upsample
from zoo.layers.kernels import Kernels, with_kernels
from zoo.layers.norm import LayerNorm
from zoo.layers.rectify import rectify
from zoo.layers.residual import ResidualBlock
from zoo.typing import Key

AttentionAxis = Literal["full", "row"]


@register("architecture", "compact_cnn")
class CompactCNNConfig(MapBackboneConfig):
    """Bias-free residual convolutions, unconditioned; tokens are the pixels of a map; 28,332 and 30,888 parameters."""

    channels: Annotated[int, Field(ge=1)] = 4
    """Channels after the encoder's first convolution; the unit of `multipliers`."""
    multipliers: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Strict(False), Field(min_length=1)] = (2, 3, 4)
    """Channels of every level in units of `channels`; each further level halves the map."""
    residual_blocks: Annotated[int, Field(ge=1)] = 2
    """Residual blocks per level."""
    heads: Annotated[int, Field(ge=1)] = 2
    """Attention heads at the deepest level; must divide its width."""
    attention_axis: Annotated[AttentionAxis, Published("row")] = "full"
    """Pixels that attend to each other: all of the map ("full"), or those of the same row, as in the published code."""
    kernels: Kernels = "published"
    """How convolutions start: as published, with maps that shrink at each, or as "lecun" draws them, keeping a map's
    scale: the same network then learns from its first steps on."""
    norm_eps: Annotated[float, Field(gt=0, le=1)] = 1e-6
    """What layer norms add to the variance. The convolutions have no bias, so that dark pixels stay exactly zero, and
    every norm multiplies their gradients by norm_eps^-0.5: a thousand as published, ten at 0.01."""

    @property
    def pre_size(self) -> int:
        """The width of the deepest level."""
        return self.channels * self.multipliers[-1]

    def map_shape(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Halved once per level but the first, rounding up."""
        rows, columns = self.image_shape(shape)
        scale = 2 ** (len(self.multipliers) - 1)
        if min(shape) <= scale:
            raise ComponentError(
                f"architecture 'compact_cnn': {len(self.multipliers)} levels are too many for images of "
                f"{rows}x{columns} pixels"
            )
        return -(-rows // scale), -(-columns // scale)

    def encoder_tokens(self, shape: tuple[int, ...], *, features: int = 0) -> tuple[int, int]:
        """One token per pixel of the deepest map."""
        del features
        return self.decoder_tokens(shape), self.pre_size

    def build_encoder(
        self, *, shape: tuple[int, ...], in_channels: int = 1, features: int = 0, key: Key
    ) -> CompactEncoder:
        """Levels from fine to coarse, then the middle with attention."""
        self._check(shape, features)
        return with_kernels(CompactEncoder(self, in_channels, key=key), self.kernels, key)

    def build_decoder(self, *, shape: tuple[int, ...], token_size: int, features: int = 0, key: Key) -> CompactDecoder:
        """The middle with attention, then levels from coarse to fine."""
        self._check(shape, features)
        decoder = CompactDecoder(self, self.image_shape(shape), self.map_shape(shape), token_size, key=key)
        return with_kernels(decoder, self.kernels, key)

    def _check(self, shape: tuple[int, ...], features: int) -> None:
        self.map_shape(shape)
        if features:
            raise ComponentError("architecture 'compact_cnn' takes no condition; it fits schemes that give it none")
        if self.pre_size % self.heads:
            raise ComponentError(
                f"architecture 'compact_cnn': heads = {self.heads} must divide the deepest width {self.pre_size}"
            )


class MapAttention(eqx.Module):
    """Attention between all pixels of a map, or between those of each row alone."""

    attention: AttentionBlock
    axis: AttentionAxis = eqx.field(static=True)

    def __call__(self, x: Float[Array, "B H W C"]) -> Float[Array, "B H W C"]:
        """The map with what its pixels have seen added."""
        tokens = x.shape[1] * x.shape[2] if self.axis == "full" else x.shape[2]
        return self.attention(x.reshape(-1, tokens, x.shape[-1])).reshape(x.shape)


class Middle(eqx.Module):
    """Residual block, attention, residual block at the deepest level."""

    first: ResidualBlock
    attention: MapAttention
    second: ResidualBlock

    def __init__(self, config: CompactCNNConfig, *, key: Key) -> None:
        keys, width = jax.random.split(key, 3), config.pre_size
        self.first = ResidualBlock(width, width, eps=config.norm_eps, key=keys[0])
        self.attention = MapAttention(
            AttentionBlock(width, width, config.heads, eps=config.norm_eps, key=keys[1]), axis=config.attention_axis
        )
        self.second = ResidualBlock(width, width, eps=config.norm_eps, key=keys[2])

    def __call__(self, x: Float[Array, "B H W C"]) -> Float[Array, "B H W C"]:
        """A map of the same size."""
        return self.second(self.attention(self.first(x)))


class CompactEncoder(Encoder):
    """See `CompactCNNConfig`. Has neither dropout nor running statistics."""

    first: Conv
    levels: tuple[tuple[ResidualBlock, ...], ...]
    downsample: tuple[Downsample, ...]
    middle: Middle
    norm: LayerNorm

    def __init__(self, config: CompactCNNConfig, in_channels: int, *, key: Key) -> None:
        first_key, levels_key, down_key, middle_key = jax.random.split(key, 4)
        widths = [config.channels * multiplier for multiplier in config.multipliers]
        self.first = Conv(in_channels, config.channels, 3, key=first_key)
        self.levels = tuple(_levels(config, config.channels, widths, levels_key))
        keys = jax.random.split(down_key, len(widths))
        self.downsample = tuple(Downsample(width, key=key) for width, key in zip(widths[:-1], keys, strict=False))
        self.middle = Middle(config, key=middle_key)
        self.norm = LayerNorm(widths[-1], eps=config.norm_eps)

    def __call__(
        self, x: Float[Array, "B H W C"], features: Float[Array, "B F"] | None, *, key: Key | None
    ) -> tuple[Float[Array, "B T D"], Self]:
        """One token per pixel of the deepest map, after layer norm and swish."""
        assert features is None, "this network was built without a condition"
        del key
        x = self.first(x)
        for number, blocks in enumerate(self.levels):
            for block in blocks:
                x = block(x)
            if number < len(self.downsample):
                x = self.downsample[number](x)
        x = jax.nn.silu(self.norm(self.middle(x)))
        return x.reshape(len(x), -1, x.shape[-1]).astype(jnp.float32), self


class CompactDecoder(Decoder):
    """See `CompactCNNConfig`. Has neither dropout nor running statistics.

    As published, a map is doubled at the end of every level but the deepest: the two deepest levels work on maps of
    the same size, and the finest on half of the image's (components 8).
    """

    first: Conv
    middle: Middle
    levels: tuple[tuple[ResidualBlock, ...], ...]
    upsample: tuple[Upsample, ...]
    norm: LayerNorm
    last: Conv
    image: tuple[int, int] = eqx.field(static=True)
    map: tuple[int, int] = eqx.field(static=True)

    def __init__(
        self, config: CompactCNNConfig, image: tuple[int, int], map: tuple[int, int], token_size: int, *, key: Key
    ) -> None:
        first_key, middle_key, levels_key, up_key, last_key = jax.random.split(key, 5)
        widths = [config.channels * multiplier for multiplier in reversed(config.multipliers)]
        self.first = Conv(token_size, widths[0], 3, key=first_key)
        self.middle = Middle(config, key=middle_key)
        self.levels = tuple(_levels(config, widths[0], widths, levels_key))
        keys = jax.random.split(up_key, len(widths))
        self.upsample = tuple(Upsample(width, key=key) for width, key in zip(widths[1:], keys, strict=False))
        self.norm = LayerNorm(widths[-1], eps=config.norm_eps)
        self.last = Conv(widths[-1], 1, 1, key=last_key)
        self.image, self.map = image, map

    def __call__(
        self, tokens: Float[Array, "B T d"], features: Float[Array, "B F"] | None, *, key: Key | None
    ) -> tuple[Float[Array, "B H W"], Self]:
        """The image after ReLU, without the shift of the thesis' decoders; the middle of what all doublings give."""
        assert features is None, "this network was built without a condition"
        del key
        x = self.middle(self.first(tokens.reshape(len(tokens), *self.map, -1)))
        for number, blocks in enumerate(self.levels):
            for block in blocks:
                x = block(x)
            if number > 0:
                x = self.upsample[number - 1](x)
        x = self.last(jax.nn.silu(self.norm(x)))[..., 0]
        top, left = ((have - want) // 2 for have, want in zip(x.shape[1:], self.image, strict=True))
        x = x[:, top : top + self.image[0], left : left + self.image[1]]
        return rectify(x.astype(jnp.float32)), self


def _levels(
    config: CompactCNNConfig, channels: int, widths: list[int], key: Key
) -> Iterator[tuple[ResidualBlock, ...]]:
    """The residual blocks of every level; the first of a level changes the number of channels."""
    for width, level_key in zip(widths, jax.random.split(key, len(widths)), strict=True):
        keys = jax.random.split(level_key, config.residual_blocks)
        yield tuple(
            ResidualBlock(channels if number == 0 else width, width, eps=config.norm_eps, key=one)
            for number, one in enumerate(keys)
        )
        channels = width
