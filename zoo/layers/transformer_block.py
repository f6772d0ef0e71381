"""The pre-norm transformer block of the published models."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.feed_forward import FeedForward
from zoo.layers.norm import LayerNorm
from zoo.layers.self_attention import SelfAttention
from zoo.typing import Key


class TransformerBlock(eqx.Module):
    """x + Attention(LN(x)), then x + FeedForward(LN(x)); no dropout on the attention (components 2)."""

    norm1: LayerNorm
    attention: SelfAttention
    norm2: LayerNorm
    feed_forward: FeedForward

    def __init__(self, width: int, heads: int, hidden: int, dropout: float, *, key: Key) -> None:
        attention_key, feed_forward_key = jax.random.split(key)
        self.norm1, self.norm2 = LayerNorm(width), LayerNorm(width)
        self.attention = SelfAttention(width, heads, key=attention_key)
        self.feed_forward = FeedForward(width, hidden, dropout, key=feed_forward_key)

    def __call__(self, x: Float[Array, "B T D"], *, key: Key | None) -> Float[Array, "B T D"]:
        """Tokens in, tokens out, float32; without a key there is no dropout."""
        x = x + self.attention(self.norm1(x)).astype(jnp.float32)
        return x + self.feed_forward(self.norm2(x), key=key).astype(jnp.float32)
