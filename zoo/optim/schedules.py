"""The learning-rate schedules of the papers."""

from __future__ import annotations

from typing import Annotated

import optax
from pydantic import Field

from zoo.catalogue import register
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
