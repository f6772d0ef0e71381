"""The transformer block of the published diffusion network, between the pixels of a map."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.context_attention import ContextAttention
from zoo.layers.group_norm import GroupNorm
from zoo.layers.initial import uniform
from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.layers.self_attention import SelfAttention
from zoo.typing import Key

EXPANSION = 4
"""Hidden units of the feed-forward layer in units of its width."""


class GatedFeedForward(eqx.Module):
    """GEGLU: dense to twice the hidden units, one half times the GELU of the other, dense."""

    widen: Linear
    narrow: Linear

    def __init__(self, width: int, *, key: Key) -> None:
        widen_key, narrow_key = jax.random.split(key)
        self.widen = Linear(width, 2 * EXPANSION * width, init=uniform, key=widen_key)
        self.narrow = Linear(EXPANSION * width, width, init=uniform, key=narrow_key)

    def __call__(self, x: Float[Array, "B T D"]) -> Float[Array, "B T D"]:
        """The same for every token, in the dtype of the weights; the GELU is the exact one, PyTorch's default."""
        hidden, gate = jnp.split(self.widen(x), 2, axis=-1)
        return self.narrow(hidden * jax.nn.gelu(gate, approximate=False))


class SpatialTransformer(eqx.Module):
    """GN, 1x1 convolution, attention between pixels and to the condition, feed-forward, 1x1; plus the map."""

    norm: GroupNorm
    enter: Linear
    norm1: LayerNorm
    attention: SelfAttention
    context: ContextAttention
    norm2: LayerNorm
    feed_forward: GatedFeedForward
    leave: Linear

    def __init__(self, channels: int, heads: int, groups: int, context: int, *, key: Key) -> None:
        keys = jax.random.split(key, 5)
        self.norm = GroupNorm(channels, groups, eps=1e-6)
        self.norm1, self.norm2 = LayerNorm(channels, eps=1e-5), LayerNorm(channels, eps=1e-5)
        self.enter = Linear(channels, channels, init=uniform, key=keys[0])
        self.attention = SelfAttention(channels, heads, use_bias=False, out_bias=True, init=uniform, key=keys[1])
        self.context = ContextAttention(channels, context, key=keys[2])
        self.feed_forward = GatedFeedForward(channels, key=keys[3])
        self.leave = Linear(channels, channels, init=uniform, key=keys[4])

    def __call__(self, x: Float[Array, "B H W C"], context: Float[Array, "B context"]) -> Float[Array, "B H W C"]:
        """The map after attention, float32."""
        tokens = self.enter(self.norm(x).reshape(len(x), -1, x.shape[-1])).astype(jnp.float32)
        tokens = tokens + self.attention(self.norm1(tokens)).astype(jnp.float32)
        tokens = tokens + self.context(context).astype(jnp.float32)
        tokens = tokens + self.feed_forward(self.norm2(tokens)).astype(jnp.float32)
        return x + self.leave(tokens).reshape(x.shape).astype(jnp.float32)
