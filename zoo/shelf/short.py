"""Weights with a shorter mantissa, which compress to less than half.

Kept are 8 bits, one more than bfloat16 has, so a weight moves by 2^-9 of itself at most. The range stays that of
float32. What that does to a model is measured, not assumed (`zoo/runner/compact.py`).
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from zoo.schemes.model import Model

MANTISSA_BITS = 8

FLOAT32_BITS = 23

WORTH = 1024
"""Arrays with fewer numbers stay as they are: scales, biases and tables weigh nothing on the disk."""


def shortened(model: Model) -> Model:
    """The model with every float32 array of at least `WORTH` numbers rounded to `MANTISSA_BITS`."""

    def leaf(value: Any) -> Any:
        if not eqx.is_array(value) or value.dtype != np.float32 or value.size < WORTH:
            return value
        return jnp.asarray(rounded(np.asarray(value)))

    return jax.tree.map(leaf, model)


def rounded(values: Float[np.ndarray, "*shape"], bits: int = MANTISSA_BITS) -> Float[np.ndarray, "*shape"]:
    """float32 numbers to the nearest with a mantissa of so many bits, 1 to 22, ties to even.

    What is not finite, or would not be any more, stays as it is.
    """
    dropped = FLOAT32_BITS - bits
    whole = np.ascontiguousarray(values, np.float32).view(np.uint32)
    last_kept = whole >> dropped & 1
    up = whole + (last_kept + (1 << (dropped - 1)) - 1).astype(np.uint32)
    short = (up >> dropped << dropped).view(np.float32)
    return np.where(np.isfinite(values) & np.isfinite(short), short, values)
