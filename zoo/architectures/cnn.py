"""Convolutional encoder and decoder (journal paper, Fig. 10; thesis 4.4; components 1)."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.architectures.backbone import BackboneConfig, Decoder, Encoder, positive
from zoo.catalogue import register
from zoo.errors import ComponentError
from zoo.layers.batch_norm import BatchNorm
from zoo.layers.bottleneck import RATIO, BottleneckBlock
from zoo.layers.image_convolution import ImageConvolution
from zoo.layers.linear import Linear
from zoo.layers.resize import double, halve
from zoo.typing import Key

SLOPE = 0.1
LAST = 5
"""Side of the decoder's last kernel, which keeps whole windows only."""


@register("architecture", "cnn")
class CNNConfig(BackboneConfig):
    """Residual bottleneck convolutions with batch norm; 0.32M parameters in the encoder, 0.41M in the decoder."""

    channels: Annotated[
        tuple[Annotated[int, Field(ge=RATIO, multiple_of=RATIO)], ...], Strict(False), Field(min_length=1)
    ] = (64, 128, 256)
    """Channels of every level of the encoder, in reverse of the decoder; each level halves (doubles) the map."""
    blocks: Annotated[int, Field(ge=1)] = 2
    """Residual blocks per level."""

    @property
    def pre_size(self) -> int:
        """The channels of the deepest level."""
        return self.channels[-1]

    def encoder_tokens(self, shape: tuple[int, ...], *, features: int = 0) -> tuple[int, int]:
        """One token per pixel of the deepest map, with the condition appended to each."""
        rows, columns = self.image_shape(shape)
        scale = 2 ** len(self.channels)
        if min(rows, columns) < scale:
            raise ComponentError(
                f"architecture 'cnn': {len(self.channels)} levels are too many for images of {rows}x{columns} pixels"
            )
        return (rows // scale) * (columns // scale), self.channels[-1] + features

    def decoder_tokens(self, shape: tuple[int, ...]) -> int:
        """One token per pixel of the first map."""
        rows, columns = self.first_map(shape)
        return rows * columns

    def build_encoder(self, *, shape: tuple[int, ...], in_channels: int = 1, features: int = 0, key: Key) -> CNNEncoder:
        """Levels of convolutions and pooling; the condition is appended to every token."""
        self.encoder_tokens(shape)
        return CNNEncoder(self._levels((in_channels, *self.channels), key), conditioned=features > 0)

    def build_decoder(self, *, shape: tuple[int, ...], token_size: int, features: int = 0, key: Key) -> CNNDecoder:
        """Levels of doubling and convolutions from the smallest map that covers the image."""
        enter_key, levels_key, leave_key = jax.random.split(key, 3)
        return CNNDecoder(
            enter=Linear(token_size + features, self.channels[-1], key=enter_key),
            levels=self._levels((self.channels[-1], *reversed(self.channels)), levels_key),
            leave=ImageConvolution(self.channels[0], LAST, key=leave_key),
            first_map=self.first_map(shape),
            shape=self.image_shape(shape),
            conditioned=features > 0,
        )

    def _levels(self, widths: tuple[int, ...], key: Key) -> tuple[Level, ...]:
        keys = jax.random.split(key, len(widths) - 1)
        sizes = zip(pairwise(widths), keys, strict=True)
        return tuple(Level(in_channels, channels, self.blocks, key=one) for (in_channels, channels), one in sizes)

    def first_map(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The smallest map whose doublings cover the image and the margin that the last kernel takes."""
        rows, columns = (-(-(size + LAST - 1) // 2 ** len(self.channels)) for size in self.image_shape(shape))
        return rows, columns


class Level(eqx.Module):
    """1x1 convolution to new channels, residual blocks, batch norm."""

    enter: Linear
    blocks: tuple[BottleneckBlock, ...]
    norm: BatchNorm

    def __init__(self, in_channels: int, channels: int, blocks: int, *, key: Key) -> None:
        enter_key, *keys = jax.random.split(key, 1 + blocks)
        self.enter = Linear(in_channels, channels, key=enter_key)
        self.blocks = tuple(BottleneckBlock(channels, key=one) for one in keys)
        self.norm = BatchNorm(channels)

    def __call__(
        self, x: Float[Array, "B H W in"], *, doubled: bool, training: bool
    ) -> tuple[Float[Array, "B h w C"], Self]:
        """The maps, doubled before the blocks if asked to, and the level with its statistics moved on."""
        x = self.enter(x)
        if doubled:
            x = double(x)
        for block in self.blocks:
            x = block(x)
        x, norm = self.norm(x, training=training)
        return x, eqx.tree_at(lambda level: level.norm, self, norm)


class CNNEncoder(Encoder):
    """See `CNNConfig`."""

    levels: tuple[Level, ...]
    conditioned: bool = eqx.field(static=True)

    def __call__(
        self, x: Float[Array, "B H W C"], features: Float[Array, "B F"] | None, *, key: Key | None
    ) -> tuple[Float[Array, "B T D"], Self]:
        """One token per pixel of the deepest map; there is no dropout, a key only says that this is training."""
        levels = []
        for level in self.levels:
            x, moved = level(x, doubled=False, training=key is not None)
            x = halve(x)
            levels.append(moved)
        tokens = jax.nn.leaky_relu(x.reshape(len(x), -1, x.shape[-1]), SLOPE)
        if self.conditioned:
            tokens = _with_condition(tokens, features)
        return tokens, eqx.tree_at(lambda encoder: encoder.levels, self, tuple(levels))


class CNNDecoder(Decoder):
    """See `CNNConfig`."""

    enter: Linear
    levels: tuple[Level, ...]
    leave: ImageConvolution
    first_map: tuple[int, int] = eqx.field(static=True)
    shape: tuple[int, int] = eqx.field(static=True)
    conditioned: bool = eqx.field(static=True)

    def __call__(
        self, tokens: Float[Array, "B T d"], features: Float[Array, "B F"] | None, *, key: Key | None
    ) -> tuple[Float[Array, "B H W"], Self]:
        """The middle of the last map; there is no dropout, a key only says that this is training."""
        if self.conditioned:
            tokens = _with_condition(tokens, features)
        x = self.enter(tokens).reshape(len(tokens), *self.first_map, -1)
        levels = []
        for level in self.levels:
            x, moved = level(x, doubled=True, training=key is not None)
            levels.append(moved)
        image = self.leave(_middle(x, self.shape))
        return positive(image), eqx.tree_at(lambda decoder: decoder.levels, self, tuple(levels))


def _with_condition(tokens: Float[Array, "B T D"], features: Float[Array, "B F"] | None) -> Float[Array, "B T D+F"]:
    """The condition appended to every token."""
    assert features is not None, "this network was built for a condition"
    repeated = jnp.broadcast_to(features[:, None].astype(tokens.dtype), (*tokens.shape[:2], features.shape[-1]))
    return jnp.concatenate([tokens, repeated], axis=-1)


def _middle(x: Float[Array, "B H W C"], shape: tuple[int, int]) -> Float[Array, "B h w C"]:
    """The central part that the last kernel turns into an image of `shape`."""
    rows, columns = (size + LAST - 1 for size in shape)
    top, left = (x.shape[1] - rows) // 2, (x.shape[2] - columns) // 2
    return x[:, top : top + rows, left : left + columns]
