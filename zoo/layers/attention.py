from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float
from typing import Literal

from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.typing import Key

def attend(q, k, v):
    def one(a):
        q,k,v=a
        s=jnp.einsum('hqd,hkd->hqk',q/np.sqrt(q.shape[-1]),k)
        s=s-s.max(-1,keepdims=True)
        p=jnp.exp(s)
        v1=jnp.concatenate([v,jnp.ones_like(v[...,:1])],-1)
        o=jnp.einsum('hqk,hkd->hqd',p,v1); return o[...,:-1]/o[...,-1:]
    return lax.map(one,(q,k,v))

class AttentionBlock(eqx.Module):
    norm: LayerNorm
    query: Linear
    key: Linear
    value: Linear
    out: Linear
    heads: int = eqx.field(static=True)

    def __init__(self, size: int, width: int, heads: int, *, key: Key) -> None:
        keys = jax.random.split(key, 4)
        self.norm = LayerNorm(size)
        self.query, self.key, self.value = (Linear(size, width, use_bias=False, key=k) for k in keys[:3])
        init = jax.nn.initializers.normal(0.2 / width**0.5)
        self.out = Linear(width, size, use_bias=False, init=init, key=keys[3])
        self.heads = heads

    def __call__(self, x: Float[Array, "B T C"], kept: slice = slice(None)) -> Float[Array, "B Q C"]:
        normed = self.norm(x)
        split = lambda x: x.reshape(*x.shape[:2], self.heads, -1).transpose(0, 2, 1, 3)
        y = attend(split(self.query(normed[:, kept])), split(self.key(normed)), split(self.value(normed)))
        y = y.transpose(0, 2, 1, 3).reshape(*y.shape[:1], y.shape[2], -1)
        return x[:, kept] + self.out(y)

class ConditionalAttention(eqx.Module):
    condition: Linear
    attention: AttentionBlock
    drop_token: Literal["last","first"] = eqx.field(static=True)

    def __init__(self, size, width, heads, condition_size, *, drop_token="last", key):
        k1,k2=jax.random.split(key)
        self.condition = Linear(condition_size, size, use_bias=False, key=k1)
        self.attention = AttentionBlock(size, width, heads, key=k2)
        self.drop_token = drop_token

    def __call__(self, x, condition):
        pixels = x.reshape(x.shape[0], -1, x.shape[-1])
        tokens = jnp.concatenate([pixels, self.condition(condition)[:, None].astype(x.dtype)], axis=1)
        kept = slice(None, -1) if self.drop_token == "last" else slice(1, None)
        return self.attention(tokens, kept).reshape(x.shape)
