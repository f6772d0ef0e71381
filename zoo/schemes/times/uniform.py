"""Uniform training times."""

from __future__ import annotations

from typing import Annotated

import jax
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import Published, register
from zoo.schemes.times.time_distribution import TimeDistributionConfig
from zoo.typing import Key


@register("time", "uniform")
class UniformConfig(TimeDistributionConfig):
    """t ~ U(0, maximum): the paper says 1, its code 0.99."""

    maximum: Annotated[float, Field(gt=0, le=1), Published(0.99)] = 1.0
    """Upper end of the interval."""

    def draw(self, key: Key, size: int) -> Float[Array, " size"]:
        """Independent training times in [0, maximum)."""
        return jax.random.uniform(key, (size,), maxval=self.maximum)
