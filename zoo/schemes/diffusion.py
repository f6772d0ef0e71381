"""Denoising diffusion (DDPM, Ho et al. 2020; thesis, section 4.6; schemes 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict, ValidationInfo, field_validator

from zoo.architectures.time_network import TimeNetwork, TimeNetworkConfig
from zoo.catalogue import OneOf, SamplingOnly, register
from zoo.data.condition import Condition
from zoo.data.constants import Constants
from zoo.data.target import Target
from zoo.errors import ComponentError
from zoo.schemes.noise_levels import Level, NoiseLevels
from zoo.schemes.noise_schedules.noise_schedule import NoiseScheduleConfig
from zoo.schemes.samplers.denoising import Denoising, DenoisingSamplerConfig
from zoo.schemes.scheme import Batch, Fitting, Outcome, Scheme, SchemeConfig, Setting
from zoo.schemes.terms.term import Made, ResponseTermConfig, Terms, build_terms, fit_terms, unfitted_terms
from zoo.schemes.time_field import field, network_for, per_example
from zoo.typing import Key

MOST_SIGNAL = 0.1
"""Factor of the data at the last level from which on it is no longer noise, which sampling starts from."""


@register("scheme", "diffusion")
class DiffusionConfig(SchemeConfig):
    """Denoising diffusion: x_t = signal x + noise eps, loss |eps(x_t, t, c) - eps|^2, sampled level by level."""

    network: Annotated[TimeNetworkConfig, OneOf("architecture")]
    """The network that predicts the noise in a state."""
    prediction: Literal["noise", "data", "velocity"] = "noise"
    """What the network's output means, and what the loss is measured in; velocity is signal eps - noise x."""
    noise_levels: Annotated[int, Field(ge=2, le=100_000)] = 1000
    """Number of levels between data and noise that are trained."""
    noise_schedule: Annotated[NoiseScheduleConfig, OneOf("noise_schedule"), Field(default="linear")]
    """How the noise rises from level to level."""
    limit: Annotated[float, Field(gt=0)] = 7.0
    """Largest magnitude, in model space, of the data predicted while sampling and for terms; larger ones are cut. The
    published responses reach ln(1 + counts) = 6.4."""
    sampler: Annotated[DenoisingSamplerConfig, OneOf("sampler"), SamplingOnly(), Field(default="ddim")]
    """How responses are generated: "ddim", or a solver of the probability-flow ODE."""
    terms: Annotated[tuple[Annotated[ResponseTermConfig, OneOf("term")], ...], Strict(False)] = ()
    """What is added to the loss: terms of the responses that the network sees in the noisy states."""

    @field_validator("sampler")
    @classmethod
    def _check_sampler(cls, sampler: DenoisingSamplerConfig, info: ValidationInfo) -> DenoisingSamplerConfig:
        if "noise_levels" in info.data:
            sampler.check(info.data["noise_levels"])
        return sampler

    def levels(self) -> NoiseLevels:
        """All levels of the training."""
        return NoiseLevels.adding(self.noise_schedule.betas(self.noise_levels))

    @property
    def separable(self) -> bool:
        """The loss is a mean over events where no terms are added to it."""
        return not self.terms

    def unfitted(self, setting: Setting) -> Constants:
        """Those of the terms."""
        return unfitted_terms(self.terms, setting)

    def fit(self, fitting: Fitting) -> Constants:
        """Those of the terms."""
        return fit_terms(self.terms, fitting)

    def build(self, setting: Setting, *, key: Key) -> Diffusion:
        """A network for the stage's target.

        Raises:
            ComponentError: the network cannot be built for it, the last level is no noise, or there are terms of
                responses and the stage generates none.
        """
        if self.terms and len(setting.shape) != 2:
            raise ComponentError("scheme 'diffusion': terms are about responses: model.target must be 'response'")
        rest = self.levels().signal[-1]
        if rest > MOST_SIGNAL:
            raise ComponentError(
                f"scheme 'diffusion': with {self.noise_levels} noise levels, noise schedule "
                f"{self.noise_schedule.component!r} leaves {rest:.2f} of the data in the last; take more levels"
            )
        network, terms = network_for(self.network, setting, key=key), build_terms(self.terms, setting)
        return Diffusion(network, terms, setting.target, self, setting.shape)


class Diffusion(Scheme):
    """See `DiffusionConfig`."""

    network: TimeNetwork
    terms: Terms
    target: Target
    config: DiffusionConfig = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """One player."""
        return {"denoiser": ("network",)}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Mean squared error of the prediction over batch and pixels, all levels being equally frequent, and terms."""
        del player
        level_key, noise_key = jax.random.split(key)
        levels = self.config.levels()
        level = levels.at(jax.random.randint(level_key, (len(batch.x),), 0, len(levels)))
        noise = jax.random.normal(noise_key, batch.x.shape)
        state, velocity = mixed(batch.x, noise, level)
        wanted = {"noise": noise, "data": batch.x, "velocity": velocity}[self.config.prediction]
        output = field(self.network, state, level.time, batch.condition)
        loss = jnp.mean(jnp.square(output - wanted))
        if not self.config.terms:
            return Outcome(loss, {"loss": loss})
        extra, values = self.terms(Made(self._data(state, output, level), batch.condition, batch))
        return Outcome(loss + extra, {"loss": loss + extra, self.config.prediction: loss, **values})

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B *shape"]:
        """Draw data from noise and transform them back to photons."""
        return self.target.inverse(self.draw(condition, key))

    def draw(self, condition: Condition, key: Key) -> Float[Array, "B *shape"]:
        """Data from noise, in model space."""
        noise_key, sampler_key = jax.random.split(key)
        noise = jax.random.normal(noise_key, (len(condition.features), *self.shape))
        denoising = Denoising(self.config.levels(), lambda x, level: self.predicted(x, level, condition))
        return self.config.sampler.denoise(denoising, noise, sampler_key)

    def predicted(self, x: Float[Array, "B *shape"], level: Level, condition: Condition) -> Float[Array, "B *shape"]:
        """The data that the network sees in states of one level, cut to the limit."""
        return self._data(x, field(self.network, x, jnp.full(len(x), level.time), condition), level)

    def _data(
        self, x: Float[Array, "B *shape"], output: Float[Array, "B *shape"], level: Level
    ) -> Float[Array, "B *shape"]:
        """The data that the network's output stands for, cut to the limit."""
        signal, noise = per_example(level.signal, x.ndim), per_example(level.noise, x.ndim)
        match self.config.prediction:
            case "noise":
                data = (x - noise * output) / signal
            case "velocity":
                data = signal * x - noise * output
            case "data":
                data = output
        return jnp.clip(data, -self.config.limit, self.config.limit)


def mixed(
    x: Float[Array, "B *shape"], noise: Float[Array, "B *shape"], level: Level
) -> tuple[Float[Array, "B *shape"], Float[Array, "B *shape"]]:
    """(x_t, its velocity) = (signal x + noise eps, signal eps - noise x), each example at its own level."""
    signal, share = per_example(level.signal, x.ndim), per_example(level.noise, x.ndim)
    return signal * x + share * noise, signal * noise - share * x
