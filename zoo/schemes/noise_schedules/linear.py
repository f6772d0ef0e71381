"""Linearly rising noise."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import Field

from zoo.catalogue import register
from zoo.schemes.noise_schedules.noise_schedule import NoiseScheduleConfig

Variance = Annotated[float, Field(gt=0, lt=1)]


@register("noise_schedule", "linear")
class LinearConfig(NoiseScheduleConfig):
    """Variances that rise linearly, as in DDPM (Ho et al. 2020); made for a thousand levels."""

    first: Variance = 1e-4
    """Variance added at the first level."""
    last: Variance = 0.02
    """Variance added at the last level."""

    def betas(self, levels: int) -> Float[np.ndarray, " levels"]:
        """Equally spaced from `first` to `last`."""
        return np.linspace(self.first, self.last, levels)
