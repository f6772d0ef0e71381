"""The role of a learning-rate schedule."""

from __future__ import annotations

from abc import abstractmethod

import optax

from zoo.catalogue import Config


class ScheduleConfig(Config):
    """Config of a schedule."""

    @abstractmethod
    def build(self, peak: float, steps: int) -> optax.Schedule:
        """Learning rate by step, laid out over `steps` with the given peak."""
