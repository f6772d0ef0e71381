"""Denoising diffusion implicit models, the thesis' sampler (Song et al. 2021; schemes 8)."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from pydantic import Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from zoo.catalogue import register
from zoo.schemes.noise_levels import Level, NoiseLevels
from zoo.schemes.samplers.denoising import Denoising, DenoisingSamplerConfig
from zoo.typing import Key


class Transitions(NamedTuple):
    """The steps of a sampler: x_prev = keep x + add data + sigma z, with z standard normal."""

    level: Level
    """Before the step."""
    keep: Float[Array, " n"]
    add: Float[Array, " n"]
    sigma: Float[Array, " n"]


@register("sampler", "ddim")
class DDIMConfig(DenoisingSamplerConfig):
    """Some of a diffusion's levels, from the last one down, with an adjustable amount of fresh noise at each."""

    steps: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Evaluations of the network; at most the number of noise levels."""
    eta: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Fresh noise, in units of what DDPM adds: 0 is deterministic, 1 with all levels is DDPM."""

    def check(self, levels: int) -> None:
        """There are no more steps than levels."""
        if self.steps > levels:
            reason = PydanticCustomError(
                "steps", "steps must be at most {levels}, the number of noise levels", {"levels": levels}
            )
            # Placed as pydantic places errors inside one of several components: below the component's name.
            details = InitErrorDetails(type=reason, loc=(self.component, "steps"), input=self.steps)
            raise ValidationError.from_exception_data(type(self).__name__, [details])

    def denoise(self, denoising: Denoising, noise: Float[Array, "B *shape"], key: Key) -> Float[Array, "B *shape"]:
        """One `lax.scan` over the levels; the state stays float32."""

        def step(x: Float[Array, "B *shape"], given: tuple[Transitions, Key]) -> tuple[Float[Array, "B *shape"], None]:
            at, step_key = given
            x = at.keep * x + at.add * denoising.data(x, at.level)
            if self.eta > 0.0:
                x = x + at.sigma * jax.random.normal(step_key, x.shape)
            return x, None

        steps = self.transitions(denoising.levels), jax.random.split(key, self.steps)
        return jax.lax.scan(step, noise, steps)[0]

    def grid(self, levels: int) -> Int[np.ndarray, " n"]:
        """The levels visited, falling: the trailing grid round(T - k T/n) - 1, k = 0 .. n-1."""
        return np.round(levels - np.arange(self.steps) * levels / self.steps).astype(int) - 1

    def transitions(self, levels: NoiseLevels) -> Transitions:
        """All steps, the last of which ends at the data themselves; computed in float64.

        sigma = eta sqrt((1 - abar_prev) / (1 - abar)) sqrt(1 - abar / abar_prev), where abar = signal^2, and
        x_prev = signal_prev data + sqrt(1 - abar_prev - sigma^2) eps + sigma z with eps = (x - signal data) / noise.
        """
        numbers = self.grid(len(levels))
        signal, noise = levels.signal[numbers], levels.noise[numbers]
        signal_prev, noise_prev = np.append(signal[1:], 1.0), np.append(noise[1:], 0.0)
        sigma = self.eta * noise_prev / noise * np.sqrt(1.0 - (signal / signal_prev) ** 2)
        keep = np.sqrt(np.maximum(noise_prev**2 - sigma**2, 0.0)) / noise
        add = signal_prev - keep * signal
        return Transitions(levels.at(numbers), *(jnp.asarray(part, jnp.float32) for part in (keep, add, sigma)))
