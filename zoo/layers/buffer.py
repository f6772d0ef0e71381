"""Running state inside a network: batch statistics, codebook averages."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float


class Buffer(eqx.Module):
    """An array that is checkpointed with the network but that no optimizer touches.

    It changes only when a loss returns a moved scheme (`Outcome.scheme`), and always stays float32.
    """

    value: Float[Array, "..."]
