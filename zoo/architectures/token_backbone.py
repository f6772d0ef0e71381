"""What the vision transformer and the MLP-Mixer share: patches, a condition token, and blocks that keep their shape."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Protocol, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.architectures.backbone import BackboneConfig, Decoder, Encoder, positive
from zoo.layers.initial import normal
from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.layers.patch_embedding import PatchEmbedding, PatchProjection
from zoo.layers.patches import patch_grid
from zoo.typing import Key


class Block(Protocol):
    """One layer of a trunk."""

    def __call__(self, x: Float[Array, "B T D"], *, key: Key | None) -> Float[Array, "B T D"]:
        """Tokens in, tokens out, float32; `key` is the randomness of dropout."""
        ...


class TokenBackboneConfig(BackboneConfig):
    """Config of an encoder and decoder that work on patches as tokens."""

    patch: Annotated[int, Field(ge=1)] = 8
    """Side of a square patch, in pixels; the image is padded with zeros to a multiple, half on each side."""
    width: Annotated[int, Field(ge=1)] = 96
    """Token width D."""

    @property
    def pre_size(self) -> int:
        """The token width."""
        return self.width

    def encoder_tokens(self, shape: tuple[int, ...], *, features: int = 0) -> tuple[int, int]:
        """One token per patch; the condition token is dropped again."""
        del features
        return self.decoder_tokens(shape), self.width

    def decoder_tokens(self, shape: tuple[int, ...]) -> int:
        """One token per patch."""
        rows, columns = patch_grid(self.image_shape(shape), self.patch)
        return rows * columns

    def build_encoder(
        self, *, shape: tuple[int, ...], in_channels: int = 1, features: int = 0, key: Key
    ) -> TokenEncoder:
        """Patches, positions, condition token, blocks, layer norm."""
        enter_key, trunk_key = jax.random.split(key)
        return TokenEncoder(
            enter=PatchEmbedding(self.patch, in_channels, self.width, key=enter_key),
            trunk=self._trunk(self.decoder_tokens(shape), features, trunk_key),
            norm=LayerNorm(self.width),
        )

    def build_decoder(self, *, shape: tuple[int, ...], token_size: int, features: int = 0, key: Key) -> TokenDecoder:
        """Positions, condition token, blocks, patches; no final norm."""
        enter_key, trunk_key, leave_key = jax.random.split(key, 3)
        return TokenDecoder(
            enter=Linear(token_size, self.width, key=enter_key),
            trunk=self._trunk(self.decoder_tokens(shape), features, trunk_key),
            leave=PatchProjection(self.patch, self.image_shape(shape), self.width, key=leave_key),
        )

    @abstractmethod
    def _trunk(self, tokens: int, features: int, key: Key) -> Trunk:
        """The part between the patches for a number of tokens, the condition's not counted."""


class Trunk(eqx.Module):
    """Learned positions, a prepended condition token, blocks; the condition token is dropped again (components 2)."""

    positions: Float[Array, "T D"] | None
    condition: Linear | None
    blocks: tuple[Block, ...]

    def __init__(
        self, blocks: tuple[Block, ...], width: int, features: int, positions: int | None, *, key: Key
    ) -> None:
        positions_key, condition_key = jax.random.split(key)
        self.positions = None if positions is None else normal(width**-0.5)(positions_key, (positions, width))
        self.condition = Linear(features, width, key=condition_key) if features else None
        self.blocks = blocks

    def __call__(
        self, tokens: Float[Array, "B T D"], features: Float[Array, "B F"] | None, *, key: Key | None
    ) -> Float[Array, "B T D"]:
        """Float32 in and out."""
        if self.positions is not None:
            tokens = tokens + self.positions.astype(jnp.float32)
        if self.condition is not None:
            assert features is not None, "this network was built for a condition"
            token = self.condition(features).astype(jnp.float32)
            tokens = jnp.concatenate([token[:, None], tokens], axis=1)
        keys = [None] * len(self.blocks) if key is None else jax.random.split(key, len(self.blocks))
        for block, block_key in zip(self.blocks, keys, strict=True):
            tokens = block(tokens, key=block_key)
        return tokens if self.condition is None else tokens[:, 1:]


class TokenEncoder(Encoder):
    """See `TokenBackboneConfig`. Has no running statistics."""

    enter: PatchEmbedding
    trunk: Trunk
    norm: LayerNorm

    def __call__(
        self, x: Float[Array, "B H W C"], features: Float[Array, "B F"] | None, *, key: Key | None
    ) -> tuple[Float[Array, "B T D"], Self]:
        """One token per patch."""
        return self.norm(self.trunk(self.enter(x), features, key=key)), self


class TokenDecoder(Decoder):
    """See `TokenBackboneConfig`. Has no running statistics."""

    enter: Linear
    trunk: Trunk
    leave: PatchProjection

    def __call__(
        self, tokens: Float[Array, "B T d"], features: Float[Array, "B F"] | None, *, key: Key | None
    ) -> tuple[Float[Array, "B H W"], Self]:
        """The image of all patches, cropped to the detector."""
        tokens = self.trunk(self.enter(tokens).astype(jnp.float32), features, key=key)
        return positive(self.leave(tokens)), self
