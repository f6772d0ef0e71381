"""Multi-head self-attention over many tokens with few features, as the compact U-Nets need it."""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.initial import normal
from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.layers.softmax_attention import attend
from zoo.typing import Key

Heads = Float[Array, "B heads T D"]


class AttentionBlock(eqx.Module):
    """x + Attention(LayerNorm(x)), bias-free (components 8); output kernel normal(0.2 / sqrt(width))."""

    norm: LayerNorm
    query: Linear
    key: Linear
    value: Linear
    out: Linear
    heads: int = eqx.field(static=True)

    def __init__(self, size: int, width: int, heads: int, *, eps: float = 1e-6, key: Key) -> None:
        keys = jax.random.split(key, 4)
        self.norm = LayerNorm(size, eps=eps)
        self.query, self.key, self.value = (Linear(size, width, use_bias=False, key=k) for k in keys[:3])
        self.out = Linear(width, size, use_bias=False, init=normal(0.2 / width**0.5), key=keys[3])
        self.heads = heads

    def __call__(self, x: Float[Array, "B T C"], asking: slice = slice(None)) -> Float[Array, "B Q C"]:
        """Only the tokens in `asking` are computed; all are attended to."""
        normed = self.norm(x)
        mixed = attend(
            self._split(self.query(normed[:, asking])), self._split(self.key(normed)), self._split(self.value(normed))
        )
        batch, _, tokens, _ = mixed.shape
        return x[:, asking] + self.out(mixed.transpose(0, 2, 1, 3).reshape(batch, tokens, -1))

    def _split(self, x: Float[Array, "B T width"]) -> Heads:
        batch, tokens, width = x.shape
        return x.reshape(batch, tokens, self.heads, width // self.heads).transpose(0, 2, 1, 3)


class ConditionalAttention(eqx.Module):
    """Attention over all pixels and one condition token, which is appended and then dropped again.

    The published code drops the first token instead of the appended one, which shifts the map by one pixel in raster
    order (`drop_token = "first"`; components 8.2).
    """

    condition: Linear
    attention: AttentionBlock
    drop_token: Literal["last", "first"] = eqx.field(static=True)

    def __init__(
        self,
        size: int,
        width: int,
        heads: int,
        condition_size: int,
        *,
        drop_token: Literal["last", "first"] = "last",
        key: Key,
    ) -> None:
        condition_key, attention_key = jax.random.split(key)
        self.condition = Linear(condition_size, size, use_bias=False, key=condition_key)
        self.attention = AttentionBlock(size, width, heads, key=attention_key)
        self.drop_token = drop_token

    def __call__(self, x: Float[Array, "B H W C"], condition: Float[Array, "B D"]) -> Float[Array, "B H W C"]:
        """The map after attention to all its pixels and the condition."""
        pixels = x.reshape(x.shape[0], -1, x.shape[-1])
        token = self.condition(condition)[:, None].astype(x.dtype)
        kept = slice(None, -1) if self.drop_token == "last" else slice(1, None)
        return self.attention(jnp.concatenate([pixels, token], axis=1), kept).reshape(x.shape)
