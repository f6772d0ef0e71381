"""Euler's method, the papers' sampler."""

from __future__ import annotations

from zoo.catalogue import register
from zoo.schemes.samplers.sampler import FixedStepConfig


@register("sampler", "euler")
class EulerConfig(FixedStepConfig):
    """First order, one evaluation per step; 11 steps in the FM paper."""

    def midpoint(self) -> None:
        """One stage only."""
        return
