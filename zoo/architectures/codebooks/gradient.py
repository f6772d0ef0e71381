"""A codebook that is trained like any other weight."""

from __future__ import annotations

from typing import ClassVar, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from zoo.architectures.codebooks.codebook import Codebook, CodebookConfig
from zoo.catalogue import register
from zoo.layers.initial import normal
from zoo.typing import Key


@register("codebook", "gradient")
class GradientCodebookConfig(CodebookConfig):
    """Entries are weights, drawn to the vectors that chose them by a term of the loss."""

    def build(self, *, dim: int, key: Key) -> GradientCodebook:
        """Normal entries of variance 1 / dim."""
        entries_key, projection_key = jax.random.split(key)
        entries = normal(dim**-0.5)(entries_key, (self.size, dim))
        return GradientCodebook(self.projected(dim, projection_key), self.normalise, entries)


class GradientCodebook(Codebook):
    """See `GradientCodebookConfig`."""

    weight: Float[Array, "K d"]

    learned: ClassVar[bool] = True

    @property
    def entries(self) -> Float[Array, "K d"]:
        """The weights."""
        return self.weight.astype(jnp.float32)

    def moved(self, x: Float[Array, "*batch d"], ids: Int[Array, "*batch"]) -> Self:
        """The codebook itself: it has no running averages."""
        del x, ids
        return self
