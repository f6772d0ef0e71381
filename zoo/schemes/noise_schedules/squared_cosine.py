"""Noise whose remaining signal follows a squared cosine."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import Field

from zoo.catalogue import register
from zoo.schemes.noise_schedules.noise_schedule import NoiseScheduleConfig


@register("noise_schedule", "squared_cosine")
class SquaredCosineConfig(NoiseScheduleConfig):
    """Remaining variance of the data cos^2((u + offset) / (1 + offset) pi/2), u from 0 to 1 (Nichol, Dhariwal 2021)."""

    offset: Annotated[float, Field(ge=0, lt=1)] = 0.008
    """Keeps the first levels from being too clean to tell apart."""
    largest: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """Largest variance added at a level; reached at the last one."""

    def betas(self, levels: int) -> Float[np.ndarray, " levels"]:
        """From the ratio of what remains at neighbouring levels."""
        place = np.arange(levels + 1) / levels
        remaining = np.cos((place + self.offset) / (1.0 + self.offset) * np.pi / 2) ** 2
        return np.minimum(1.0 - remaining[1:] / remaining[:-1], self.largest)
