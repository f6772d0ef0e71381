"""The midpoint method."""

from __future__ import annotations

from zoo.catalogue import register
from zoo.schemes.samplers.sampler import FixedStepConfig


@register("sampler", "midpoint")
class MidpointConfig(FixedStepConfig):
    """Second order, two evaluations per step, the second in the middle; never evaluates at t = 1."""

    def midpoint(self) -> tuple[float, float]:
        """The midpoint rule."""
        return 0.5, 1.0
