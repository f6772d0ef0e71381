"""Multi-head self-attention between the few tokens of one image."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.initial import Initialiser, lecun_normal
from zoo.layers.linear import Linear
from zoo.layers.softmax_attention import Tokens, attend_batched
from zoo.typing import Key


class SelfAttention(eqx.Module):
    """Every token attends to all; queries, keys and values of the tokens' own width (components 2).

    `out_bias` departs from `use_bias` where only the last layer has a bias.
    """

    qkv: Linear
    out: Linear
    heads: int = eqx.field(static=True)

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        use_bias: bool = True,
        out_bias: bool | None = None,
        init: Initialiser = lecun_normal,
        key: Key,
    ) -> None:
        qkv_key, out_key = jax.random.split(key)
        out_bias = use_bias if out_bias is None else out_bias
        self.qkv = Linear(width, 3 * width, use_bias=use_bias, init=init, key=qkv_key)
        self.out = Linear(width, width, use_bias=out_bias, init=init, key=out_key)
        self.heads = heads

    def __call__(self, x: Float[Array, "B T D"]) -> Float[Array, "B T D"]:
        """The mixed tokens, in the dtype of the weights."""
        return self.out(mix_tokens(self.qkv(x), self.heads))


def mix_tokens(qkv: Float[Array, "B T 3*D"], heads: int, *, causal: bool = False) -> Float[Array, "B T D"]:
    """Attention given queries, keys and values side by side, `D // heads` features per head.

    Causal: every token attends to itself and those before it. For tens of tokens the batched formulation is the faster
    one on CPUs too, and it may be derived twice, as gradient penalties need.
    """
    batch, tokens, width = qkv.shape
    query, key, value = split_heads(qkv, heads)
    mask = jnp.tri(tokens, dtype=bool) if causal else None
    mixed = attend_batched(query, key, value, mask)
    return mixed.transpose(0, 2, 1, 3).reshape(batch, tokens, width // 3)


def split_heads(qkv: Float[Array, "B T 3*D"], heads: int) -> tuple[Tokens, Tokens, Tokens]:
    """Queries, keys and values that lie side by side, each [B heads T D // heads]."""
    batch, tokens, _ = qkv.shape
    query, key, value = jnp.moveaxis(qkv.reshape(batch, tokens, 3, heads, -1), (2, 3), (0, 2))
    return query, key, value
