from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from zoo.layers.backend import on_cpu
from zoo.layers.exp2 import exp2


def attend(query, key, value):
    if on_cpu() and isinstance(query.shape[0], int):
        f32 = lambda x: x.astype(jnp.float32)
        return attend_mapped(f32(query), f32(key), f32(value)).astype(value.dtype)
    return attend_batched(query, key, value)


def attend_batched(query, key, value):
    logits = jnp.einsum("bhqd,bhkd->bhqk", query, key, preferred_element_type=jnp.float32)
    weights = jax.nn.softmax(logits / math.sqrt(query.shape[-1]), axis=-1)
    return jnp.einsum("bhqk,bhkd->bhqd", weights.astype(value.dtype), value)


@jax.custom_vjp
def attend_mapped(query, key, value):
    return _forward(query, key, value)[0]


def _scale(d):
    return math.log2(math.e) / math.sqrt(d)


_SAFE = 55.0


def _fold(x):
    return x.reshape(-1, *x.shape[2:])


def _ones(x):
    return jnp.concatenate([x, jnp.ones_like(x[..., :1])], -1)


def _rows(x, m=16):
    return jnp.pad(x, ((0, -x.shape[0] % m), (0, 0)))


def _cols(x, m=8):
    return jnp.pad(x, ((0, 0), (0, -x.shape[1] % m)))


def _forward(query, key, value):
    def one(qkv):
        q, k, v = qkv
        d = q.shape[-1]
        q = q * _scale(d)
        kp = _rows(k)
        vp = _rows(_cols(_ones(v)))

        def fast():
            o = exp2(q @ kp.T) @ vp
            return o[:, :d] / o[:, d : d + 1], jnp.log2(o[:, d])

        def safe():
            s = q @ k.T
            m = s.max(-1, keepdims=True)
            p = jnp.exp2(s - m)
            l = p.sum(-1, keepdims=True)
            return p @ v / l, (m + jnp.log2(l))[:, 0]

        largest = lambda x: jnp.max(jnp.sum(x * x, axis=-1))
        return lax.cond(largest(q) * largest(k) < _SAFE**2, fast, safe)

    out, lse = lax.map(one, (_fold(query), _fold(key), _fold(value)))
    return out.reshape(query.shape), lse


def _fwd(query, key, value):
    out, lse = _forward(query, key, value)
    return out, (query, key, value, out, lse)


def _bwd(res, g):
    query, key, value, out, lse = res
    d = query.shape[-1]
    delta = jnp.sum(out * g, -1).reshape(lse.shape)

    def one(a):
        q, k, v, g, lse, delta = a
        qs = jnp.concatenate([q * _scale(d), -lse[:, None]], -1)
        gs = jnp.concatenate([g, -delta[:, None]], -1)
        p = exp2(qs @ _rows(_ones(k)).T)
        ds = p * (gs @ _rows(_ones(v)).T)
        n = k.shape[0]
        dv = (p.T @ _cols(g))[:n, :d]
        dk = (ds.T @ _cols(q))[:n, :d] / math.sqrt(d)
        dq = (ds @ _rows(_cols(k)))[:, :d] / math.sqrt(d)
        return dq, dk, dv

    dq, dk, dv = lax.map(one, (_fold(query), _fold(key), _fold(value), _fold(g), lse, delta))
    return dq.reshape(query.shape), dk.reshape(key.shape), dv.reshape(value.shape)


attend_mapped.defvjp(_fwd, _bwd)
