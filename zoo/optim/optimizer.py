"""The role of an optimizer."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

import optax
from pydantic import Field

from zoo.catalogue import Config

Momentum = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]


class OptimizerConfig(Config):
    """Config of an optimizer."""

    learning_rate: Positive
    """Peak learning rate."""

    @abstractmethod
    def build(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """The update rule that follows the learning rate of `schedule`."""
