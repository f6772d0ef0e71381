"""Self-attention of every token to itself and those before it: for a whole sequence, or token by token."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from zoo.layers.self_attention import SelfAttention, mix_tokens, split_heads
from zoo.layers.softmax_attention import Tokens, attend_batched
from zoo.typing import Key


class Cache(NamedTuple):
    """Keys and values of the tokens that were there, in the dtype of the weights; zero where none was yet."""

    keys: Tokens
    values: Tokens


class CausalAttention(SelfAttention):
    """As `SelfAttention`, but nothing is seen of what follows."""

    def __init__(self, width: int, heads: int, *, use_bias: bool = True, key: Key) -> None:
        super().__init__(width, heads, use_bias=use_bias, key=key)

    def __call__(self, x: Float[Array, "B T D"]) -> Float[Array, "B T D"]:
        """The mixed tokens, in the dtype of the weights."""
        return self.out(mix_tokens(self.qkv(x), self.heads, causal=True))

    def cache(self, batch: int, tokens: int) -> Cache:
        """Room for so many tokens."""
        width = self.qkv.weight.shape[0]
        room = jnp.zeros((batch, self.heads, tokens, width // self.heads), self.qkv.weight.dtype)
        return Cache(room, room)

    def step(self, x: Float[Array, "B D"], cache: Cache, place: Int[Array, ""]) -> tuple[Float[Array, "B D"], Cache]:
        """The token at `place`, mixed with those before it, and the cache with its key and value written in."""
        query, key, value = split_heads(self.qkv(x)[:, None], self.heads)
        keys = lax.dynamic_update_slice_in_dim(cache.keys, key, place, axis=2)
        values = lax.dynamic_update_slice_in_dim(cache.values, value, place, axis=2)
        seen = jnp.arange(keys.shape[2]) <= place
        mixed = attend_batched(query, keys, values, seen[None])
        return self.out(mixed.reshape(x.shape)), Cache(keys, values)
