"""Logit-normal training times."""

from __future__ import annotations

from typing import Annotated

import jax
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import register
from zoo.schemes.times.time_distribution import TimeDistributionConfig
from zoo.typing import Key


@register("time", "logit_normal")
class LogitNormalConfig(TimeDistributionConfig):
    """t = sigmoid(N(location, scale)): more training near the middle of the path."""

    location: float = 0.0
    """Mean of the normal; positive values favour the data end."""
    scale: Annotated[float, Field(gt=0)] = 1.0
    """Standard deviation of the normal."""

    def draw(self, key: Key, size: int) -> Float[Array, " size"]:
        """Independent training times in (0, 1)."""
        return jax.nn.sigmoid(self.location + self.scale * jax.random.normal(key, (size,)))
