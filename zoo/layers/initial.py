"""Initial weights, drawn on the host.

Drawing them with `jax.random` compiles a program for every distinct shape: minutes for a U-Net on a CPU. The same key
gives the same weights; under tracing (building a network abstractly) only shapes are wanted, and zeros stand in.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float
from scipy.special import ndtr, ndtri

from zoo.typing import Key

Initialiser = Callable[[Key, tuple[int, ...]], Float[Array, "..."]]
"""(key, shape) -> float32 weights; the last axis of a kernel counts outputs, the others inputs."""

TRUNCATED_STD = 0.87962566103423978
"""Standard deviation of a unit normal truncated to [-2, 2]."""


def lecun_normal(key: Key, shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Truncated normal of standard deviation 1/sqrt(fan_in): the Flax default for every kernel (components 0)."""
    std = prod(shape[:-1]) ** -0.5 / TRUNCATED_STD
    return _drawn(key, shape, lambda host: std * ndtri(host.uniform(ndtr(-2.0), ndtr(2.0), shape)))


def uniform(key: Key, shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Uniform within 1/sqrt(fan_in): PyTorch's default for every kernel."""
    bound = prod(shape[:-1]) ** -0.5
    return _drawn(key, shape, lambda host: host.uniform(-bound, bound, shape))


def normal(std: float) -> Initialiser:
    """Normal of a given standard deviation."""
    return lambda key, shape: _drawn(key, shape, lambda host: std * host.standard_normal(shape))


def zeros(key: Key, shape: tuple[int, ...]) -> Float[Array, "..."]:
    """All zero."""
    del key
    return jnp.zeros(shape)


def _drawn(key: Key, shape: tuple[int, ...], draw: Callable[[np.random.Generator], np.ndarray]) -> Float[Array, "..."]:
    if isinstance(key, Tracer):
        return jnp.zeros(shape)
    seed = np.asarray(jax.random.key_data(key))
    return jnp.asarray(draw(np.random.Generator(np.random.Philox(seed))), jnp.float32)
