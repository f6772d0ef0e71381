"""Alignment of the two clouds of a batch."""

from __future__ import annotations

from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import register
from zoo.schemes.autoencoders.alignments.alignment import AlignmentConfig
from zoo.schemes.terms.sinkhorn import SinkhornConfig
from zoo.typing import Scalar


@register("alignment", "sinkhorn")
class SinkhornAlignmentConfig(SinkhornConfig, AlignmentConfig):
    """Sinkhorn divergence of the codes joined with their conditions (thesis, equation 3.6; arXiv 2006.06704)."""

    weight: Annotated[float, Field(gt=0)] = 20.0
    """What the distance is multiplied by before it is added to the loss."""

    def distance(
        self, encoded: Float[Array, "B L"], generated: Float[Array, "B L"], features: Float[Array, "B F"]
    ) -> Scalar:
        """S([encoded, features], [generated, features])."""
        joined = (jnp.concatenate([codes, features], axis=-1) for codes in (encoded, generated))
        return self.divergence(*joined)
