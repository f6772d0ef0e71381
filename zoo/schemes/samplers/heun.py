"""Heun's method."""

from __future__ import annotations

from zoo.catalogue import register
from zoo.schemes.samplers.sampler import FixedStepConfig


@register("sampler", "heun")
class HeunConfig(FixedStepConfig):
    """Second order, two evaluations per step, the second at the end of the step; the very last step is Euler's."""

    def midpoint(self) -> tuple[float, float]:
        """The trapezoidal rule."""
        return 1.0, 0.5
