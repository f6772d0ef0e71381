"""A network that regresses the channel sums (FM paper, appendix E; schemes 11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.architectures.vector_network import VectorNetwork, VectorNetworkConfig
from zoo.catalogue import OneOf, Published, SamplingOnly, register
from zoo.data.condition import Condition
from zoo.data.target import Target
from zoo.schemes.direct.channels_only import channel_count
from zoo.schemes.scheme import Batch, Outcome, Scheme, SchemeConfig, Setting
from zoo.typing import Key


@register("scheme", "regression")
class RegressionConfig(SchemeConfig):
    """Channel sums straight from the particle, by least squares: |x - f(c)|^2, which tends to their mean."""

    network: Annotated[VectorNetworkConfig, OneOf("architecture")]
    """The network f from condition features to channel sums in model space."""
    relu: bool = True
    """End in a ReLU, as fits what is never negative, such as ln(1 + photons); false for standardised targets."""
    generation_dropout: Annotated[bool, Published(True), SamplingOnly()] = False
    """Generate with dropout. The published code leaves it on, which supplies all the randomness there is: without it
    all responses to a particle are equal."""

    @property
    def separable(self) -> bool:
        """The loss is a mean over events."""
        return True

    def build(self, setting: Setting, *, key: Key) -> Regression:
        """The regression of the stage's channel sums.

        Raises:
            ComponentError: the target is none of channel sums.
        """
        channels = channel_count(self.component, setting)
        return Regression(self.network.vector(setting.features, channels, key=key), setting.target, self)


class Regression(Scheme):
    """See `RegressionConfig`."""

    network: VectorNetwork
    target: Target
    config: RegressionConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """One player."""
        return {"regressor": ("network",)}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Mean squared error over batch and channels, in model space."""
        del player
        loss = jnp.mean(jnp.square(self._estimate(batch.condition, key) - batch.x))
        return Outcome(loss, {"loss": loss})

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B R"]:
        """The estimate, transformed back to photons."""
        return self.target.inverse(self._estimate(condition, key if self.config.generation_dropout else None))

    def _estimate(self, condition: Condition, key: Key | None) -> Float[Array, "B R"]:
        estimate = self.network(condition.features, key=key)
        return jax.nn.relu(estimate) if self.config.relu else estimate
