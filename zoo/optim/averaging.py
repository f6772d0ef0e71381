"""Exponential moving average of weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree


def moved_average(average: PyTree, weights: PyTree, decay: float, step: Int[Array, ""]) -> PyTree:
    """`d * average + (1 - d) * weights` in float32, with d = min(decay, (1 + step) / (10 + step)).

    The rising decay keeps the random initial weights out of the average of a short run.
    """
    count = step.astype(jnp.float32)
    rate = 1.0 - jnp.minimum(decay, (1.0 + count) / (10.0 + count))
    return jax.tree.map(lambda old, new: old + rate * (new - old), average, weights)
