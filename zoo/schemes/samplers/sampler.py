"""The role of a sampler: integrate a velocity field from t = 0 (noise) to t = 1 (data)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import Config

Velocity = Callable[[Float[Array, "B *shape"], Float[Array, ""]], Float[Array, "B *shape"]]
"""(state, scalar time) -> velocity, both float32."""


class SamplerConfig(Config):
    """Config of a sampler; samplers have no parameters, so the config integrates itself."""

    @abstractmethod
    def integrate(self, velocity: Velocity, noise: Float[Array, "B *shape"]) -> Float[Array, "B *shape"]:
        """The state at t = 1 of the flow that starts from `noise` at t = 0, in one traced loop."""


class FixedStepConfig(SamplerConfig):
    """Explicit one- or two-stage Runge-Kutta on a uniform grid; a solver is its two numbers."""

    steps: Annotated[int, Field(ge=1, le=10_000)] = 11
    """Steps of the uniform time grid."""

    @abstractmethod
    def midpoint(self) -> tuple[float, float] | None:
        """(c, b): the second stage is evaluated at c of the step and weighs b in the update; None for one stage."""

    def integrate(self, velocity: Velocity, noise: Float[Array, "B *shape"]) -> Float[Array, "B *shape"]:
        """One `lax.scan` over the grid; the state stays float32.

        A second stage at the very end, t = 1, is not used: the last step is Euler's, as in EDM (Karras et al. 2022,
        algorithm 1), since a prediction of the data has no velocity there. The order stays the same.
        """
        size = 1.0 / self.steps
        second = self.midpoint()

        def step(x: Float[Array, "B *shape"], time: Float[Array, ""]) -> tuple[Float[Array, "B *shape"], None]:
            slope = velocity(x, time)
            if second is not None:
                node, weight = second
                later = velocity(x + node * size * slope, time + node * size)
                last = (node == 1.0) & (time >= 1.0 - 1.5 * size)
                slope = jnp.where(last, slope, (1.0 - weight) * slope + weight * later)
            return x + size * slope, None

        grid = jnp.arange(self.steps, dtype=jnp.float32) * size
        return jax.lax.scan(step, noise, grid)[0]
