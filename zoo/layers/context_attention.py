"""Attention of many tokens to a context of one."""

from __future__ import annotations

import equinox as eqx
import jax
from jaxtyping import Array, Float

from zoo.layers.initial import uniform
from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.typing import Key


class ContextAttention(eqx.Module):
    """Cross-attention to the single token of a condition (components 9).

    The softmax over one token is 1 whatever queries and keys are, so that every token receives the same projected
    value. The norm, the queries and the keys belong to the published network and are counted; nothing depends on them.
    """

    norm: LayerNorm
    query: Linear
    key: Linear
    value: Linear
    out: Linear

    def __init__(self, width: int, context: int, *, key: Key) -> None:
        keys = jax.random.split(key, 4)
        self.norm = LayerNorm(width, eps=1e-5)
        self.query = Linear(width, width, use_bias=False, init=uniform, key=keys[0])
        self.key = Linear(context, width, use_bias=False, init=uniform, key=keys[1])
        self.value = Linear(context, width, use_bias=False, init=uniform, key=keys[2])
        self.out = Linear(width, width, init=uniform, key=keys[3])

    def __call__(self, context: Float[Array, "B context"]) -> Float[Array, "B 1 width"]:
        """What is added to every token of an example, in the dtype of the weights."""
        return self.out(self.value(context))[:, None]
