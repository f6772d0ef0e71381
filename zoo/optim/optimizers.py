"""The optimizers of the papers."""

from __future__ import annotations

from typing import Annotated

import optax
from pydantic import Field

from zoo.catalogue import register
from zoo.optim.optimizer import Momentum, OptimizerConfig, Positive


@register("optimizer", "adam")
class AdamConfig(OptimizerConfig):
    """Adam."""

    beta1: Momentum = 0.9
    """Decay of the gradient average."""
    beta2: Momentum = 0.999
    """Decay of the squared-gradient average."""
    eps: Positive = 1e-8
    """Added to the root of the squared-gradient average."""

    def build(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """optax.adam."""
        return optax.adam(schedule, self.beta1, self.beta2, self.eps)


@register("optimizer", "nadam")
class NadamConfig(AdamConfig):
    """Adam with Nesterov momentum."""

    def build(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """optax.nadam."""
        return optax.nadam(schedule, self.beta1, self.beta2, self.eps)


@register("optimizer", "adamw")
class AdamWConfig(AdamConfig):
    """Adam with decoupled weight decay."""

    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    """Fraction of a weight removed per step and unit learning rate."""
    nesterov: bool = False
    """Use Nesterov momentum."""

    def build(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """optax.adamw."""
        return optax.adamw(
            schedule, self.beta1, self.beta2, self.eps, weight_decay=self.weight_decay, nesterov=self.nesterov
        )


@register("optimizer", "sgd")
class SGDConfig(OptimizerConfig):
    """Stochastic gradient descent."""

    momentum: Momentum = 0.0
    """Decay of the velocity."""
    nesterov: bool = False
    """Use Nesterov momentum."""

    def build(self, schedule: optax.Schedule) -> optax.GradientTransformation:
        """optax.sgd."""
        return optax.sgd(schedule, self.momentum or None, self.nesterov)
