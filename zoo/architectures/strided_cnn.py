"""The convolutional GAN networks of FoCal: halved to a few pixels, doubled from them (FoCal paper; components 11)."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.architectures.backbone import Encoder, positive
from zoo.architectures.guided_backbone import GuidedBackboneConfig, GuidedDecoder
from zoo.catalogue import register
from zoo.layers.batch_norm import BatchNorm
from zoo.layers.batch_residual import BatchResidualBlock, NormedConv
from zoo.layers.image_convolution import ImageConvolution
from zoo.layers.keys import endless
from zoo.layers.strided_conv import HalvingConv, RepeatedConv, TransposedConv
from zoo.typing import Key

SLOPE = 0.2
"""Of the leaky ReLUs."""
DOUBLINGS = {"transposed": TransposedConv, "repeated": RepeatedConv}


@register("architecture", "strided_cnn")
class StridedCNNConfig(GuidedBackboneConfig):
    """Convolutions that halve an image to a few pixels, and others that double them; 0.69M and 0.70M parameters."""

    width: Annotated[int, Field(ge=1)] = 256
    """Channels of the smallest map; each larger one has half as many, and at least one."""
    smallest: Annotated[int, Field(ge=1)] = 7
    """Fewest rows or columns of the smallest map: an image is halved as often as this allows, 105 to 7 in four."""
    doubling: Literal["transposed", "repeated"] = "transposed"
    """How the decoder doubles a map: 4x4 transposed convolution, or pixels repeated before a 3x3 convolution."""
    residual_blocks: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Strict(False), Field(min_length=1)] = (0,)
    """Residual blocks after every doubling, the first one first; the last number goes on to the last doubling."""
    refine: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Strict(False)] = ()
    """Channels of further 3x3 convolutions of the decoder at the size of the image, where condition maps join in."""

    @property
    def pre_size(self) -> int:
        """The channels of the smallest map."""
        return self.width

    def halvings(self, shape: tuple[int, ...]) -> int:
        """How often an image is halved."""
        size, number = min(self.image_shape(shape)), 0
        while size > 1 and (half := -(-size // 2)) >= self.smallest:
            size, number = half, number + 1
        return number

    def first_map(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The smallest map, whose doublings cover the image."""
        scale = 2 ** self.halvings(shape)
        rows, columns = (-(-size // scale) for size in self.image_shape(shape))
        return rows, columns

    def channels(self, shape: tuple[int, ...]) -> list[int]:
        """Those of every map, the smallest first."""
        return [max(1, self.width // 2**number) for number in range(self.halvings(shape) + 1)]

    def encoder_tokens(self, shape: tuple[int, ...], *, features: int = 0) -> tuple[int, int]:
        """A single token: all pixels of the smallest map, and the condition."""
        rows, columns = self.first_map(shape)
        channels = self.width if self.halvings(shape) else 1
        return 1, rows * columns * channels + features

    def decoder_tokens(self, shape: tuple[int, ...]) -> int:
        """One token per pixel of the smallest map."""
        rows, columns = self.first_map(shape)
        return rows * columns

    def build_encoder(
        self, *, shape: tuple[int, ...], in_channels: int = 1, features: int = 0, key: Key
    ) -> StridedEncoder:
        """Halvings, with leaky ReLUs and no normalisation, which would hide how bright an image is."""
        sizes = [in_channels, *reversed(self.channels(shape)[:-1])]
        keys = endless(key)
        halvings = tuple(HalvingConv(before, after, key=next(keys)) for before, after in pairwise(sizes))
        return StridedEncoder(halvings, conditioned=features > 0)

    def build_guided(
        self, *, shape: tuple[int, ...], token_size: int, features: int = 0, maps: int = 0, key: Key
    ) -> StridedDecoder:
        """Doublings of the tokens, unconditioned: they are made of the condition; the maps join at the image's size."""
        del features
        keys = endless(key)
        sizes = [token_size, *self.channels(shape)[1:]]
        levels = tuple(
            Level(before, after, self.doubling, self._blocks(number), key=next(keys))
            for number, (before, after) in enumerate(pairwise(sizes))
        )
        refined = [sizes[-1] + maps, *self.refine]
        return StridedDecoder(
            levels=levels,
            refine=tuple(NormedConv(before, after, key=next(keys)) for before, after in pairwise(refined)),
            leave=ImageConvolution(refined[-1], 3, key=next(keys)),
            first_map=self.first_map(shape),
            shape=self.image_shape(shape),
        )

    def _blocks(self, number: int) -> int:
        """Residual blocks after one of the doublings."""
        return self.residual_blocks[min(number, len(self.residual_blocks) - 1)]


class StridedEncoder(Encoder):
    """See `StridedCNNConfig`."""

    halvings: tuple[HalvingConv, ...]
    conditioned: bool = eqx.field(static=True)

    def __call__(
        self, x: Float[Array, "B H W C"], features: Float[Array, "B F"] | None, *, key: Key | None
    ) -> tuple[Float[Array, "B 1 D"], Self]:
        """The smallest map and the condition, flattened, as one token; there is no dropout."""
        del key
        for halving in self.halvings:
            x = jax.nn.leaky_relu(halving(x), SLOPE)
        flat = x.reshape(len(x), -1).astype(jnp.float32)
        if self.conditioned:
            assert features is not None, "this network was built for a condition"
            flat = jnp.concatenate([flat, features], axis=-1)
        return flat[:, None], self


class Level(eqx.Module):
    """Doubling to fewer channels, batch norm, leaky ReLU, residual blocks."""

    doubling: TransposedConv | RepeatedConv
    norm: BatchNorm
    blocks: tuple[BatchResidualBlock, ...]

    def __init__(self, in_channels: int, channels: int, doubling: str, blocks: int, *, key: Key) -> None:
        enter_key, *keys = jax.random.split(key, 1 + blocks)
        self.doubling = DOUBLINGS[doubling](in_channels, channels, key=enter_key)
        self.norm = BatchNorm(channels)
        self.blocks = tuple(BatchResidualBlock(channels, slope=SLOPE, key=one) for one in keys)

    def __call__(self, x: Float[Array, "B H W in"], *, training: bool) -> tuple[Float[Array, "B 2*H 2*W C"], Self]:
        """Maps of twice the size, and the level with its statistics moved on."""
        x, norm = self.norm(self.doubling(x), training=training)
        x = jax.nn.leaky_relu(x, SLOPE)
        blocks = []
        for block in self.blocks:
            x, moved = block(x, training=training)
            blocks.append(moved)
        return x, eqx.tree_at(lambda level: (level.norm, level.blocks), self, (norm, tuple(blocks)))


class StridedDecoder(GuidedDecoder):
    """See `StridedCNNConfig`."""

    levels: tuple[Level, ...]
    refine: tuple[NormedConv, ...]
    leave: ImageConvolution
    first_map: tuple[int, int] = eqx.field(static=True)
    shape: tuple[int, int] = eqx.field(static=True)

    def guided(
        self,
        tokens: Float[Array, "B T d"],
        features: Float[Array, "B F"] | None,
        maps: Float[Array, "B H W M"] | None,
        *,
        key: Key | None,
    ) -> tuple[Float[Array, "B H W"], Self]:
        """The middle of the last map, refined; there is no dropout, a key only says that this is training."""
        del features
        training = key is not None
        x = tokens.reshape(len(tokens), *self.first_map, -1)
        levels, refine = [], []
        for level in self.levels:
            x, moved = level(x, training=training)
            levels.append(moved)
        (rows, columns), (top, left) = self.shape, ((x.shape[1 + i] - self.shape[i]) // 2 for i in range(2))
        x = x[:, top : top + rows, left : left + columns]
        if maps is not None:
            x = jnp.concatenate([x, maps.astype(x.dtype)], axis=-1)
        for layer in self.refine:
            x, moved = layer(x, training=training)
            x = jax.nn.leaky_relu(x, SLOPE)
            refine.append(moved)
        image = self.leave(jnp.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)]))
        parts = (tuple(levels), tuple(refine))
        return positive(image), eqx.tree_at(lambda decoder: (decoder.levels, decoder.refine), self, parts)
