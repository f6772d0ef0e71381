"""The role of a solver: integrate a velocity field from t = 0 (noise) to t = 1 (data)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.schemes.samplers.denoising import Denoising, DenoisingSamplerConfig
from zoo.typing import Key

Velocity = Callable[[Float[Array, "B *shape"], Float[Array, ""]], Float[Array, "B *shape"]]
"""(state, scalar time) -> velocity, both float32."""


class SamplerConfig(DenoisingSamplerConfig):
    """Config of a solver; it has no parameters, so the config integrates itself.

    What solves the ODE of a flow also samples a diffusion, along its probability-flow ODE.
    """

    @abstractmethod
    def integrate(self, velocity: Velocity, noise: Float[Array, "B *shape"]) -> Float[Array, "B *shape"]:
        """The state at t = 1 of the flow that starts from `noise` at t = 0, in one traced loop."""

    def denoise(self, denoising: Denoising, noise: Float[Array, "B *shape"], key: Key) -> Float[Array, "B *shape"]:
        """Integrate the probability-flow ODE from the last level to the first, then take the data predicted there.

        What falls linearly is the angle: x_t = cos(angle) x + sin(angle) eps has a bounded slope, the "v" of Salimans
        and Ho (2022), all the way from noise to data. Deterministic: `key` is not used.
        """
        del key
        first, last = (float(angle) for angle in denoising.levels.angles[[0, -1]])

        def velocity(x: Float[Array, "B *shape"], time: Float[Array, ""]) -> Float[Array, "B *shape"]:
            level = denoising.levels.at_angle(last + (first - last) * time)
            return (first - last) * denoising.slope(x, level)

        return denoising.data(self.integrate(velocity, noise), denoising.levels.at_angle(jnp.asarray(first)))


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
