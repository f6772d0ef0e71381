"""How losses are reduced to one number."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.typing import Scalar


def summed(values: Float[Array, "B *axes"]) -> Scalar:
    """The sum over all axes of an example, averaged over the batch, float32.

    The weights of the thesis' losses are made for this reduction, not for a plain mean (schemes, trap 1).
    """
    return jnp.sum(values.astype(jnp.float32)) / len(values)
