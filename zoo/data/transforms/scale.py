"""Multiplication by a fixed factor."""

from __future__ import annotations

from typing import Annotated

import equinox as eqx
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import register
from zoo.data.constants import Constants
from zoo.data.transforms.transform import Transform, TransformConfig
from zoo.typing import Key


@register("transform", "scale")
class ScaleConfig(TransformConfig):
    """Multiply by a factor, to bring the data to the size of the noise they are mixed with."""

    factor: Annotated[float, Field(gt=0)]
    """What values are multiplied by on the way to model space."""

    def build(self, constants: Constants) -> Transform:
        """Nothing to fit."""
        del constants
        return Scale(self.factor)


class Scale(Transform):
    """See `ScaleConfig`."""

    factor: float = eqx.field(static=True)

    def forward(self, x: Float[Array, "B *shape"], key: Key) -> Float[Array, "B *shape"]:
        """Times the factor."""
        del key
        return x * self.factor

    def inverse(self, x: Float[Array, "B *shape"]) -> Float[Array, "B *shape"]:
        """Divided by the factor."""
        return x / self.factor
