"""The pre-norm transformer block of an autoregressive model."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from zoo.layers.causal_attention import Cache, CausalAttention
from zoo.layers.feed_forward import FeedForward
from zoo.layers.norm import LayerNorm
from zoo.layers.transformer_block import TransformerBlock
from zoo.typing import Key


class CausalBlock(TransformerBlock):
    """A transformer block in which no token sees what follows it; also token by token."""

    attention: CausalAttention

    def __init__(self, width: int, heads: int, hidden: int, dropout: float, *, use_bias: bool = True, key: Key) -> None:
        attention_key, feed_forward_key = jax.random.split(key)
        self.norm1, self.norm2 = LayerNorm(width, use_bias=use_bias), LayerNorm(width, use_bias=use_bias)
        self.attention = CausalAttention(width, heads, use_bias=use_bias, key=attention_key)
        self.feed_forward = FeedForward(width, hidden, dropout, use_bias=use_bias, key=feed_forward_key)

    def step(self, x: Float[Array, "B D"], cache: Cache, place: Int[Array, ""]) -> tuple[Float[Array, "B D"], Cache]:
        """The token at `place`, float32, without dropout, and the cache that it was written into."""
        mixed, cache = self.attention.step(self.norm1(x), cache, place)
        x = x + mixed.astype(jnp.float32)
        return x + self.feed_forward(self.norm2(x), key=None).astype(jnp.float32), cache
