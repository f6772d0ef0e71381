"""Alignment row by row."""

from __future__ import annotations

from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import register
from zoo.schemes.autoencoders.alignments.alignment import AlignmentConfig
from zoo.schemes.reductions import summed
from zoo.typing import Scalar


@register("alignment", "l2")
class L2AlignmentConfig(AlignmentConfig):
    """Squared distance of the two codes of every event, summed over the code (thesis, equation 3.7)."""

    weight: Annotated[float, Field(gt=0)] = 10.0
    """What the distance is multiplied by before it is added to the loss."""

    def distance(
        self, encoded: Float[Array, "B L"], generated: Float[Array, "B L"], features: Float[Array, "B F"]
    ) -> Scalar:
        """|encoded - generated|^2, averaged over the batch."""
        del features
        return summed(jnp.square(encoded - generated))
