"""One factor on all photons, fitted so that the channel sums agree best (journal paper; schemes 4)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field
from scipy.optimize import minimize_scalar

from zoo.catalogue import Published, register
from zoo.data.condition import Condition
from zoo.data.constants import Constants
from zoo.errors import ComponentError
from zoo.evaluation.observables import observe
from zoo.schemes.followed import followed
from zoo.schemes.model import Model
from zoo.schemes.scheme import FittedScheme, Fitting, SchemeConfig, Setting
from zoo.schemes.stage_reference import StageName
from zoo.typing import Key

PRECISION = 1e-5
"""Width of the interval in which the factor is known after the search."""


@register("scheme", "channel_scale")
class ChannelScaleConfig(SchemeConfig):
    """An earlier stage's responses times the factor whose channel sums come nearest to those of the training events."""

    trained: ClassVar[bool] = False

    follows: StageName
    """The earlier stage whose responses are scaled."""
    least: Annotated[float, Field(gt=0)] = 0.9
    """Smallest factor."""
    most: Annotated[float, Field(gt=0)] = 1.1
    """Largest factor."""
    apply_in: Annotated[Literal["counts", "log"], Published("log")] = "counts"
    """What is multiplied: the photons, for which the factor is fitted, or (published code) ln(1 + photons)."""

    def unfitted(self, setting: Setting) -> Constants:
        """No change."""
        del setting
        return {"factor": np.ones(())}

    def fit(self, fitting: Fitting) -> Constants:
        """The factor with the smallest Wasserstein distance of the channel sums, averaged over the channels.

        One response is generated to every training particle. A detector without channels has its photon sum compared.

        Raises:
            ComponentError: the earlier stage generates no responses.
        """
        self._followed(fitting.setting)
        true = np.sort(_sums(fitting.train.counts, fitting.setting), axis=0)
        parts = [_sums(photons, fitting.setting) for _, photons in fitting.generate(self.follows)]
        generated = np.sort(np.concatenate(parts), axis=0)

        def distance(factor: float) -> float:
            # Equally many on both sides, and a factor keeps their order: the distance of values of the same rank.
            return float(np.abs(true - factor * generated).mean())

        found = minimize_scalar(
            distance, bounds=(self.least, self.most), method="bounded", options={"xatol": PRECISION}
        )
        return {"factor": np.array(found.x)}

    def build(self, setting: Setting, *, key: Key) -> ChannelScale:
        """The earlier stage with its factor.

        Raises:
            ComponentError: the earlier stage generates no responses, or the factors are none.
        """
        del key
        return ChannelScale(self._followed(setting), jnp.asarray(setting.constants["factor"], jnp.float32), self)

    def _followed(self, setting: Setting) -> Model:
        if self.least >= self.most:
            raise ComponentError(f"scheme 'channel_scale': least = {self.least:g} must be below most = {self.most:g}")
        return followed("channel_scale", self.follows, setting)


def _sums(photons: Float[np.ndarray, "n H W"], setting: Setting) -> Float[np.ndarray, "n R"]:
    """Channel sums, or the photon sum of a detector without channels."""
    masks = setting.readout.detector.readout
    observed = observe(photons, masks if len(masks) else None)
    return observed["channels"] if "channels" in observed else observed["photon_sum"][:, None]


class ChannelScale(FittedScheme):
    """See `ChannelScaleConfig`."""

    model: Model
    factor: Float[Array, ""]
    config: ChannelScaleConfig = eqx.field(static=True)

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        """What the earlier stage generates, scaled."""
        photons = self.model.sample(condition.particles, key)
        if self.config.apply_in == "counts":
            return self.factor * photons
        return jnp.expm1(self.factor * jnp.log1p(photons))
