"""Uniform noise that turns integer counts into a continuous variable."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.catalogue import register
from zoo.data.constants import Constants
from zoo.data.transforms.transform import Transform, TransformConfig
from zoo.typing import Key


@register("transform", "dequantise")
class DequantiseConfig(TransformConfig):
    """Add uniform noise in [0, 1) to integer counts; the inverse rounds down, so the round trip is exact."""

    def build(self, constants: Constants) -> Transform:
        """Nothing to fit."""
        del constants
        return Dequantise()


class Dequantise(Transform):
    """See `DequantiseConfig`."""

    random: ClassVar[bool] = True

    def forward(self, x: Float[Array, "B *shape"], key: Key) -> Float[Array, "B *shape"]:
        """Add u, uniform and below 1 even after rounding to float32."""
        below = jnp.nextafter(x + 1.0, x)
        return jnp.minimum(x + jax.random.uniform(key, x.shape), below)

    def inverse(self, x: Float[Array, "B *shape"]) -> Float[Array, "B *shape"]:
        """The whole part where that is positive, else 0."""
        return jnp.floor(jax.nn.relu(x))
