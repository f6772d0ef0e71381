"""Sums first, shape second: a response is drawn given its channel sums and rescaled to them.

The idea is CaloFlow's and CaloDREAM's (layer energies first, normalised showers second), applied to the
readout channels of the detector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.catalogue import OneOf, SamplingOnly, register
from zoo.data.condition import Condition
from zoo.data.constants import Constants
from zoo.data.readout import Readout
from zoo.data.target import Channels
from zoo.errors import ComponentError
from zoo.schemes.model import Model
from zoo.schemes.scheme import Batch, Fitting, Outcome, Scheme, SchemeConfig, Setting
from zoo.schemes.stage_reference import StageName
from zoo.schemes.whole_photons import whole_photons
from zoo.typing import Key

EMPTY = 1e-6
"""Photons per channel (or response) below which a generated shape has nothing to rescale."""


@register("scheme", "factorised")
class FactorisedConfig(SchemeConfig):
    """Any response scheme, conditioned on the channel sums and rescaled to the sums an earlier stage draws."""

    sums: StageName
    """The earlier stage that generates the channel sums."""
    shape: Annotated[SchemeConfig, OneOf("scheme")]
    """The scheme that generates the response given the sums."""
    rescale: Annotated[Literal["channels", "total"], SamplingOnly()] = "channels"
    """Rescale every readout channel to its sum, or the whole response to the total."""
    whole: Annotated[bool, SamplingOnly()] = True
    """Round the rescaled response at random to whole photons, keeping mean and sums; fractions of photons otherwise."""

    @property
    def separable(self) -> bool:
        """As the inner scheme."""
        return self.shape.separable

    def build(self, setting: Setting, *, key: Key) -> Factorised:
        """The inner scheme with the sums as additional features.

        Raises:
            ComponentError: the stage does not generate responses, or the earlier stage no channel sums.
        """
        if len(setting.shape) != 2:
            raise ComponentError("scheme 'factorised' generates responses: model.target must be 'response'")
        sums = setting.earlier[self.sums]
        if not isinstance(sums.target, Channels):
            raise ComponentError(
                f"scheme 'factorised': stage {self.sums!r} generates no channel sums; its target must be 'channels'"
            )
        return Factorised(self.shape.build(self._given_sums(setting), key=key), sums, setting.readout, self)

    def unfitted(self, setting: Setting) -> Constants:
        """Those of the inner scheme."""
        return self.shape.unfitted(self._given_sums(setting))

    def fit(self, fitting: Fitting) -> Constants:
        """Those of the inner scheme."""
        return self.shape.fit(replace(fitting, setting=self._given_sums(fitting.setting)))

    @staticmethod
    def _given_sums(setting: Setting) -> Setting:
        """What the inner scheme is built for: the sums as additional features."""
        return replace(setting, features=setting.features + 2 * setting.readout.channels + 1)


class Factorised(Scheme):
    """See `FactorisedConfig`."""

    shape: Scheme
    sums: Model
    readout: Readout
    config: FactorisedConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """The players of the inner scheme."""
        return {name: tuple(f"shape.{path}" for path in paths) for name, paths in self.shape.players().items()}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """The inner scheme's loss, given the true channel sums."""
        condition = self._given(batch.condition, self.readout(batch.counts))
        outcome = self.shape.loss(player, replace(batch, condition=condition), key)
        if outcome.scheme is None:
            return outcome
        return outcome._replace(scheme=eqx.tree_at(lambda scheme: scheme.shape, self, outcome.scheme))

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        """Draw sums, draw a shape given them, rescale, round to whole photons."""
        sums_key, shape_key, rounding_key = jax.random.split(key, 3)
        sums = self.sums.sample(condition.particles, sums_key)
        response = self.rescale(self.shape.sample(self._given(condition, sums), shape_key), sums)
        return whole_photons(response, self.readout, rounding_key) if self.config.whole else response

    def rescale(self, response: Float[Array, "B H W"], sums: Float[Array, "B R"]) -> Float[Array, "B H W"]:
        """The response with its channels (or its total) scaled to the given sums.

        A channel (or response) that was generated empty although photons belong there gets them spread evenly.
        """
        if self.config.rescale == "total":
            dark = jnp.sum(response, axis=(1, 2), keepdims=True) < EMPTY
            response = response + 1.0 * dark
            return response * (jnp.sum(sums, axis=-1)[:, None, None] / jnp.sum(response, axis=(1, 2), keepdims=True))
        generated = self.readout(response)
        empty = generated < EMPTY
        response = response + self.readout.spread(1.0 * empty)
        return response * self.readout.spread(sums / jnp.where(empty, self.readout(response), generated))

    def _given(self, condition: Condition, sums: Float[Array, "B R"]) -> Condition:
        """Log sums, log total and channel fractions as further features."""
        total = jnp.sum(sums, axis=-1, keepdims=True)
        logs = jnp.log1p(jnp.concatenate([sums, total], axis=-1)) / 3.0 - 1.0
        return condition.with_features(jnp.concatenate([logs, sums / jnp.maximum(total, 1.0)], axis=-1))
