"""Logarithm of the counts."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.catalogue import register
from zoo.data.constants import Constants
from zoo.data.transforms.transform import Transform, TransformConfig
from zoo.typing import Key


@register("transform", "log1p")
class Log1pConfig(TransformConfig):
    """x = ln(1 + counts), as in all the papers; its inverse clips at zero photons."""

    def build(self, constants: Constants) -> Transform:
        """Nothing to fit."""
        del constants
        return Log1p()


class Log1p(Transform):
    """See `Log1pConfig`."""

    def forward(self, x: Float[Array, "B *shape"], key: Key) -> Float[Array, "B *shape"]:
        """ln(1 + x)."""
        del key
        return jnp.log1p(x)

    def inverse(self, x: Float[Array, "B *shape"]) -> Float[Array, "B *shape"]:
        """exp(x) - 1 where that is positive, else 0."""
        return jnp.expm1(jax.nn.relu(x))
