"""Images to tokens and back, one non-overlapping square patch per token (components 2)."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.initial import lecun_normal
from zoo.layers.linear import Linear
from zoo.layers.patches import join_patches, split_patches
from zoo.typing import Key


class PatchEmbedding(eqx.Module):
    """Zero-pad half on each side, cut into patches, one dense layer for all."""

    dense: Linear
    patch: int = eqx.field(static=True)

    def __init__(self, patch: int, channels: int, width: int, *, key: Key) -> None:
        self.dense = Linear(patch * patch * channels, width, key=key)
        self.patch = patch

    def __call__(self, x: Float[Array, "B H W C"]) -> Float[Array, "B T D"]:
        """Tokens in raster order, float32."""
        return self.dense(split_patches(x, self.patch)).astype(jnp.float32)


class PatchProjection(eqx.Module):
    """A transposed convolution of kernel and stride `patch` to one channel, then a crop.

    Its kernel is a dense layer whose fan-in counts the pixels of a patch too, and all pixels share one bias.
    """

    dense: Linear
    bias: Float[Array, ""]
    patch: int = eqx.field(static=True)
    shape: tuple[int, int] = eqx.field(static=True)

    def __init__(self, patch: int, shape: tuple[int, int], width: int, *, key: Key) -> None:
        def init(key: Key, shape: tuple[int, ...]) -> Float[Array, "..."]:
            return lecun_normal(key, (*shape, 1)).reshape(shape)

        self.dense = Linear(width, patch * patch, use_bias=False, init=init, key=key)
        self.bias = jnp.zeros(())
        self.patch, self.shape = patch, shape

    def __call__(self, tokens: Float[Array, "B T D"]) -> Float[Array, "B H W"]:
        """Images, in the dtype of the weights."""
        return join_patches(self.dense(tokens), self.patch, self.shape)[..., 0] + self.bias
