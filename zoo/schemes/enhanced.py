"""A response drawn in sight of a first approximation of it (FoCal paper; components 11, schemes 10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import equinox as eqx
import jax
from jaxtyping import Array, Float

from zoo.catalogue import OneOf, register
from zoo.data.condition import Condition
from zoo.data.constants import Constants
from zoo.data.target import Target
from zoo.schemes.followed import followed
from zoo.schemes.model import Model
from zoo.schemes.scheme import Batch, Fitting, Outcome, Scheme, SchemeConfig, Setting
from zoo.schemes.stage_reference import StageName
from zoo.typing import Key


@register("scheme", "enhanced")
class EnhancedConfig(SchemeConfig):
    """Any response scheme whose networks see, as a condition map, what an earlier stage generates for the particle."""

    follows: StageName
    """The earlier stage whose responses are enhanced."""
    enhancer: Annotated[SchemeConfig, OneOf("scheme")]
    """The scheme that generates the response; of its networks those see the earlier one that take condition maps: of a
    GAN the generator, which has to be one that does, and with `judged_maps` the discriminator."""

    @property
    def separable(self) -> bool:
        """As the inner scheme."""
        return self.enhancer.separable

    def build(self, setting: Setting, *, key: Key) -> Enhanced:
        """The inner scheme with one condition map more.

        Raises:
            ComponentError: the stage or the earlier one generates no responses, or the inner scheme takes no maps.
        """
        model = followed("enhanced", self.follows, setting)
        return Enhanced(self.enhancer.build(_in_sight(setting), key=key), model, setting.target)

    def unfitted(self, setting: Setting) -> Constants:
        """Those of the inner scheme."""
        return self.enhancer.unfitted(_in_sight(setting))

    def fit(self, fitting: Fitting) -> Constants:
        """Those of the inner scheme."""
        return self.enhancer.fit(replace(fitting, setting=_in_sight(fitting.setting)))


def _in_sight(setting: Setting) -> Setting:
    """What the inner scheme is built for."""
    return replace(setting, maps=setting.maps + 1)


class Enhanced(Scheme):
    """See `EnhancedConfig`."""

    enhancer: Scheme
    model: Model
    target: Target

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """The players of the inner scheme; the earlier stage is frozen."""
        return {name: tuple(f"enhancer.{path}" for path in paths) for name, paths in self.enhancer.players().items()}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """The inner scheme's loss."""
        first_key, own_key = jax.random.split(key)
        shown = replace(batch, condition=self._shown(batch.condition, first_key))
        outcome = self.enhancer.loss(player, shown, own_key)
        if outcome.scheme is None:
            return outcome
        return outcome._replace(scheme=eqx.tree_at(lambda scheme: scheme.enhancer, self, outcome.scheme))

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        """What the earlier stage generates, enhanced."""
        first_key, own_key = jax.random.split(key)
        return self.enhancer.sample(self._shown(condition, first_key), own_key)

    def _shown(self, condition: Condition, key: Key) -> Condition:
        """The condition with the earlier stage's response, in this stage's model space, as its last map."""
        sample_key, transform_key = jax.random.split(key)
        photons = jax.lax.stop_gradient(self.model.sample(condition.particles, sample_key))
        return condition.with_map(self.target.forward(photons, transform_key))
