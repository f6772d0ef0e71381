"""The block of the MLP-Mixer."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.feed_forward import FeedForward
from zoo.layers.norm import LayerNorm
from zoo.typing import Key


class MixerBlock(eqx.Module):
    """x + MLP over tokens of LN(x), then x + MLP over channels of LN(x), GELU between (components 3)."""

    norm1: LayerNorm
    token_mixing: FeedForward
    norm2: LayerNorm
    channel_mixing: FeedForward

    def __init__(self, tokens: int, width: int, token_hidden: int, channel_hidden: int, *, key: Key) -> None:
        token_key, channel_key = jax.random.split(key)
        self.norm1, self.norm2 = LayerNorm(width), LayerNorm(width)
        self.token_mixing = FeedForward(tokens, token_hidden, 0.0, key=token_key)
        self.channel_mixing = FeedForward(width, channel_hidden, 0.0, key=channel_key)

    def __call__(self, x: Float[Array, "B T D"], *, key: Key | None) -> Float[Array, "B T D"]:
        """Tokens in, tokens out, float32; there is no dropout, so `key` is not used."""
        del key
        mixed = self.token_mixing(self.norm1(x).swapaxes(1, 2), key=None).swapaxes(1, 2)
        x = x + mixed.astype(jnp.float32)
        return x + self.channel_mixing(self.norm2(x), key=None).astype(jnp.float32)
