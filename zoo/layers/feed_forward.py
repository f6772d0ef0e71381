"""The two dense layers after attention."""

from __future__ import annotations

import equinox as eqx
import jax
from jaxtyping import Array, Float

from zoo.layers.dropout import Dropout
from zoo.layers.linear import Linear
from zoo.typing import Key


class FeedForward(eqx.Module):
    """Dense, GELU, dropout, dense, dropout (components 2)."""

    widen: Linear
    narrow: Linear
    dropout: Dropout

    def __init__(self, width: int, hidden: int, dropout: float, *, use_bias: bool = True, key: Key) -> None:
        widen_key, narrow_key = jax.random.split(key)
        self.widen = Linear(width, hidden, use_bias=use_bias, key=widen_key)
        self.narrow = Linear(hidden, width, use_bias=use_bias, key=narrow_key)
        self.dropout = Dropout(dropout)

    def __call__(self, x: Float[Array, "*batch D"], *, key: Key | None) -> Float[Array, "*batch D"]:
        """The same for every token, in the dtype of the weights."""
        first, second = (None, None) if key is None else jax.random.split(key)
        hidden = self.dropout(jax.nn.gelu(self.widen(x)), key=first)
        return self.dropout(self.narrow(hidden), key=second)
