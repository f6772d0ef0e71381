"""A transformer on patches with adaptive layer norm: far cheaper than the U-Net at this image size."""

from __future__ import annotations

from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.architectures.time_network import TimeNetwork, TimeNetworkConfig
from zoo.catalogue import register
from zoo.errors import ComponentError
from zoo.layers.initial import normal, zeros
from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.layers.patches import join_patches, patch_grid, split_patches
from zoo.layers.self_attention import mix_tokens
from zoo.layers.time_embedding import sinusoidal_embedding
from zoo.typing import Key

TIME_SCALE = 1000.0


@register("architecture", "patch_transformer")
class PatchTransformerConfig(TimeNetworkConfig):
    """DiT: non-overlapping patches as tokens, condition and time through adaptive layer norm with zero-init gates."""

    patch: Annotated[int, Field(ge=1)] = 8
    """Side of a square patch, in pixels; the image is padded with zeros to a multiple, half on each side."""
    width: Annotated[int, Field(ge=1)] = 96
    """Token width D."""
    heads: Annotated[int, Field(ge=1)] = 4
    """Attention heads; must divide `width`."""
    blocks: Annotated[int, Field(ge=1)] = 4
    """Transformer blocks."""
    expansion: Annotated[int, Field(ge=1)] = 4
    """Hidden units of the feed-forward layer, in units of `width`."""
    time_features: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    """Size of the sinusoidal time embedding."""

    def build(
        self, *, shape: tuple[int, ...], in_channels: int, out_channels: int, features: int, key: Key
    ) -> PatchTransformer:
        """A patch transformer for images of `shape`.

        Raises:
            ComponentError: the target is not an image, or `heads` does not divide `width`.
        """
        if len(shape) != 2:
            raise ComponentError(f"architecture 'patch_transformer' needs an image, not a target of shape {shape}")
        if self.width % self.heads:
            raise ComponentError(
                f"architecture 'patch_transformer': heads = {self.heads} must divide width = {self.width}"
            )
        rows, columns = patch_grid((shape[0], shape[1]), self.patch)
        keys = jax.random.split(key, 6 + self.blocks)
        pixels = self.patch**2
        return PatchTransformer(
            enter=Linear(pixels * in_channels, self.width, key=keys[0]),
            positions=normal(self.width**-0.5)(keys[1], (rows * columns, self.width)),
            condition_in=Linear(features + self.time_features, self.width, key=keys[2]),
            condition_out=Linear(self.width, self.width, key=keys[3]),
            blocks=tuple(Block(self.width, self.heads, self.expansion, key) for key in keys[6:]),
            norm=LayerNorm(self.width, affine=False),
            modulation=Linear(self.width, 2 * self.width, init=zeros, key=keys[4]),
            leave=Linear(self.width, pixels * out_channels, init=zeros, key=keys[5]),
            config=self,
            shape=(shape[0], shape[1]),
        )


class Block(eqx.Module):
    """Self-attention and feed-forward, each shifted, scaled and gated by the condition."""

    norm: LayerNorm
    modulation: Linear
    qkv: Linear
    out: Linear
    widen: Linear
    narrow: Linear
    heads: int = eqx.field(static=True)

    def __init__(self, width: int, heads: int, expansion: int, key: Key) -> None:
        keys = jax.random.split(key, 5)
        self.norm = LayerNorm(width, affine=False)
        self.modulation = Linear(width, 6 * width, init=zeros, key=keys[0])
        self.qkv = Linear(width, 3 * width, key=keys[1])
        self.out = Linear(width, width, key=keys[2])
        self.widen = Linear(width, expansion * width, key=keys[3])
        self.narrow = Linear(expansion * width, width, key=keys[4])
        self.heads = heads

    def __call__(self, x: Float[Array, "B T D"], condition: Float[Array, "B D"]) -> Float[Array, "B T D"]:
        """Tokens in, tokens out, float32."""
        modulation = self.modulation(condition).astype(jnp.float32)[:, None, :]
        shift1, scale1, gate1, shift2, scale2, gate2 = jnp.split(modulation, 6, axis=-1)
        qkv = self.qkv(self.norm(x) * (1.0 + scale1) + shift1)
        x = x + gate1 * self.out(mix_tokens(qkv, self.heads)).astype(jnp.float32)
        hidden = jax.nn.gelu(self.widen(self.norm(x) * (1.0 + scale2) + shift2))
        return x + gate2 * self.narrow(hidden).astype(jnp.float32)


class PatchTransformer(TimeNetwork):
    """See `PatchTransformerConfig`."""

    enter: Linear
    positions: Float[Array, "T D"]
    condition_in: Linear
    condition_out: Linear
    blocks: tuple[Block, ...]
    norm: LayerNorm
    modulation: Linear
    leave: Linear
    config: PatchTransformerConfig = eqx.field(static=True)
    shape: tuple[int, int] = eqx.field(static=True)

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
        embedded = sinusoidal_embedding(TIME_SCALE * time, self.config.time_features)
        condition = self.condition_in(jnp.concatenate([features, embedded], axis=-1))
        condition = jax.nn.silu(self.condition_out(jax.nn.silu(condition)))
        tokens = self.enter(split_patches(x, self.config.patch)).astype(jnp.float32) + self.positions
        for block in self.blocks:
            tokens = block(tokens, condition)
        shift, scale = jnp.split(self.modulation(condition).astype(jnp.float32)[:, None, :], 2, axis=-1)
        patches = self.leave(self.norm(tokens) * (1.0 + scale) + shift).astype(jnp.float32)
        return join_patches(patches, self.config.patch, self.shape)
