"""Adaptive Runge-Kutta through diffrax."""

from __future__ import annotations

from typing import Annotated, Literal

import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import register
from zoo.schemes.samplers.sampler import SamplerConfig, Velocity


@register("sampler", "adaptive")
class AdaptiveConfig(SamplerConfig):
    """Error-controlled solution by diffrax, one step size for the whole batch: the reference to judge few steps by."""

    solver: Literal["tsit5", "dopri5", "bosh3"] = "tsit5"
    """Embedded Runge-Kutta pair."""
    rtol: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    """Relative tolerance of one step."""
    atol: Annotated[float, Field(gt=0)] = 1e-3
    """Absolute tolerance of one step, in model space."""
    max_steps: Annotated[int, Field(ge=1)] = 1000
    """Steps after which the solution is given up."""

    def integrate(self, velocity: Velocity, noise: Float[Array, "B *shape"]) -> Float[Array, "B *shape"]:
        """Solve from 0 to 1; a solution that needs more than `max_steps` comes back as NaN."""
        import diffrax

        solver = {"tsit5": diffrax.Tsit5, "dopri5": diffrax.Dopri5, "bosh3": diffrax.Bosh3}[self.solver]()
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, y, args: velocity(y, jnp.asarray(t, jnp.float32))),
            solver,
            t0=0.0,
            t1=1.0,
            dt0=None,
            y0=noise,
            stepsize_controller=diffrax.PIDController(rtol=self.rtol, atol=self.atol),
            max_steps=self.max_steps,
            throw=False,
        )
        assert solution.ys is not None
        solved = solution.result == diffrax.RESULTS.successful
        return jnp.where(solved, solution.ys[-1], jnp.nan)
