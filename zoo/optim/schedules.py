"""The learning-rate schedules of the papers."""

from __future__ import annotations

from typing import Annotated

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array
from pydantic import Field

from zoo.catalogue import Published, register
from zoo.optim.schedule import ScheduleConfig

Fraction = Annotated[float, Field(ge=0, lt=1)]


@register("schedule", "constant")
class ConstantConfig(ScheduleConfig):
    """The peak rate throughout."""

    def build(self, peak: float, steps: int) -> optax.Schedule:
        """Always `peak`."""
        del steps
        return optax.constant_schedule(peak)


@register("schedule", "one_cycle")
class OneCycleConfig(ScheduleConfig):
    """Cosine from peak/div up to the peak, then cosine down to peak/(div*final_div); constant afterwards."""

    warmup: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Fraction of the steps spent rising."""
    div: Annotated[float, Field(ge=1)] = 25.0
    """Peak over initial rate."""
    final_div: Annotated[float, Field(ge=1)] = 1000.0
    """Initial over final rate."""

    def build(self, peak: float, steps: int) -> optax.Schedule:
        """Optax' cosine one-cycle, over at least so many steps that both flanks exist."""
        return optax.cosine_onecycle_schedule(
            max(steps, int(1 / self.warmup) + 2), peak, self.warmup, self.div, self.final_div
        )


@register("schedule", "warmup_cosine")
class WarmupCosineConfig(ScheduleConfig):
    """Linear from zero to the peak, then half a cosine down to `final` times the peak."""

    warmup: Fraction = 0.1
    """Fraction of the steps spent rising."""
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Last rate over the peak."""

    def build(self, peak: float, steps: int) -> optax.Schedule:
        """Starts one step up the ramp, so that the first step is not wasted."""
        rise = int(self.warmup * steps)
        fall = optax.cosine_decay_schedule(peak, max(1, steps - rise), alpha=self.final)
        if rise == 0:
            return fall
        return optax.join_schedules([optax.linear_schedule(peak / rise, peak, max(1, rise - 1)), fall], [rise])


@register("schedule", "half_cosine")
class HalfCosineConfig(ScheduleConfig):
    """Linear from zero to the peak, then half a cosine down to zero: the diffusion model's of the thesis."""

    warmup: Fraction = 0.1
    """Fraction of the schedule spent rising."""
    span: Annotated[float, Field(gt=0, le=1), Published(256 / 839)] = 1.0
    """Fraction of the training that the schedule takes; afterwards the cosine goes on, up to the peak and down again.
    The published code gives the number of batches (839) where their size (256) is asked for."""

    def build(self, peak: float, steps: int) -> optax.Schedule:
        """Starts one step up the ramp, so that the first step is not wasted."""
        span = max(1, round(self.span * steps))
        rise = int(self.warmup * span)

        def rate(step: ArrayLike) -> Array:
            step = jnp.asarray(step)
            falling = 0.5 * (1.0 + jnp.cos(jnp.pi * (step - rise) / max(1, span - rise)))
            return peak * jnp.where(step < rise, (step + 1.0) / max(1, rise), falling)

        return rate
