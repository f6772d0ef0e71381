"""Multi-head self-attention between the few tokens of one image."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.linear import Linear
from zoo.layers.softmax_attention import attend_batched
from zoo.typing import Key


class SelfAttention(eqx.Module):
    """Every token attends to all; queries, keys and values of the tokens' own width, biases on (components 2)."""

    qkv: Linear
    out: Linear
    heads: int = eqx.field(static=True)

    def __init__(self, width: int, heads: int, *, key: Key) -> None:
        qkv_key, out_key = jax.random.split(key)
        self.qkv = Linear(width, 3 * width, key=qkv_key)
        self.out = Linear(width, width, key=out_key)
        self.heads = heads

    def __call__(self, x: Float[Array, "B T D"]) -> Float[Array, "B T D"]:
        """The mixed tokens, in the dtype of the weights."""
        return self.out(mix_tokens(self.qkv(x), self.heads))


def mix_tokens(qkv: Float[Array, "B T 3*D"], heads: int) -> Float[Array, "B T D"]:
    """Attention given queries, keys and values side by side, `D // heads` features per head.

    For tens of tokens the batched formulation is the faster one on CPUs too, and it may be derived twice, as gradient
    penalties need.
    """
    batch, tokens, width = qkv.shape
    query, key, value = jnp.moveaxis(qkv.reshape(batch, tokens, 3, heads, -1), (2, 3), (0, 2))
    return attend_batched(query, key, value).transpose(0, 2, 1, 3).reshape(batch, tokens, width // 3)
