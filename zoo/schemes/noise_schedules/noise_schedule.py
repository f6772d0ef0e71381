"""The role of a noise schedule."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from jaxtyping import Float

from zoo.catalogue import Config


class NoiseScheduleConfig(Config):
    """Config of a noise schedule; it has no parameters, so the config computes itself."""

    @abstractmethod
    def betas(self, levels: int) -> Float[np.ndarray, " levels"]:
        """The variance added on the way to every level, each in (0, 1), float64."""
