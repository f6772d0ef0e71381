"""`softmax(Q K^T / sqrt(D)) V` in one kernel of cuDNN that never writes the weights to memory."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_FEATURES, _TOKENS = 8, 2
"""What cuDNN (features) and JAX (tokens, for derivatives) ask sizes to be multiples of."""
_MANY = 200
"""Fewer tokens have few weights, and the plain formulation costs no more."""


def fuses(query: Float[Array, "B heads Q D"], key: Float[Array, "B heads T D"]) -> bool:
    """Whether cuDNN has a kernel for these arrays on this device, and it pays."""
    if jax.default_backend() != "gpu" or key.dtype not in (jnp.bfloat16, jnp.float16):
        return False
    if not isinstance(query.shape[0], int) or key.shape[2] < _MANY or key.shape[3] > 128:
        return False
    return float(getattr(jax.devices()[0], "compute_capability", 0)) >= 8.0


def attend_fused(
    query: Float[Array, "B heads Q D"], key: Float[Array, "B heads T D"], value: Float[Array, "B heads T D"]
) -> Float[Array, "B heads Q D"]:
    """Flash attention (arXiv 2205.14135) for NVIDIA GPUs from Ampere on, in bfloat16 or float16; softmax in float32.

    Features and tokens are filled up with zeros; added tokens are neither attended to nor returned. First
    derivatives only.
    """
    batch, _, queries, size = query.shape
    tokens = key.shape[2]
    there = None if tokens % _TOKENS == 0 else jnp.full(batch, tokens, jnp.int32)
    mixed = jax.nn.dot_product_attention(
        *(_filled(x) for x in (query, key, value)),
        scale=1.0 / math.sqrt(size),
        key_value_seq_lengths=there,
        implementation="cudnn",
    )
    return mixed[:, :queries, :, :size].transpose(0, 2, 1, 3)


def _filled(x: Float[Array, "B heads T D"]) -> Float[Array, "B T2 heads D8"]:
    """Tokens before heads, both sizes made multiples of what they must be."""
    x = x.transpose(0, 2, 1, 3)
    return jnp.pad(x, ((0, 0), (0, -x.shape[1] % _TOKENS), (0, 0), (0, -x.shape[3] % _FEATURES)))
