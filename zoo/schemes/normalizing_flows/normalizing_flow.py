"""Normalizing flow by maximum likelihood (journal paper, section 3.5; CaloFlow, arXiv 2106.05285; schemes 9)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import prod
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from pydantic import Field

from zoo.architectures.flow_network import FlowNetwork, FlowNetworkConfig
from zoo.catalogue import OneOf, SamplingOnly, register
from zoo.data.condition import Condition
from zoo.data.constants import Constants, prefixed, within
from zoo.schemes.normalizing_flows.fractions import Fractions, FractionsConfig
from zoo.schemes.normalizing_flows.photon_sum import FEATURES, PhotonSum
from zoo.schemes.scheme import Batch, Fitting, Outcome, Scheme, SchemeConfig, Setting
from zoo.schemes.stage_reference import StageName
from zoo.typing import Key

FIT_EVENTS = 2048
"""Training events (the first ones of the split) that the flow's constants are fitted on."""


@register("scheme", "normalizing_flow")
class NormalizingFlowConfig(SchemeConfig, FractionsConfig):
    """Responses, as logits of every pixel's share of the photons, are transformed to normal numbers; -ln p is the loss.

    The condition is the particle and the photon sum, which an earlier stage draws. The target's transforms are not
    used. Generation inverts the flow, for all pixels at once.
    """

    photons: StageName
    """The earlier stage that draws the channel sums, whose sum is the number of photons."""
    network: Annotated[FlowNetworkConfig, OneOf("architecture"), Field(default="autoregressive_flow")]
    """The flow from responses to normal numbers."""
    temperature: Annotated[float, Field(gt=0), SamplingOnly()] = 1.0
    """Standard deviation of the normal numbers that responses are generated from."""
    tolerance: Annotated[float, Field(gt=0), SamplingOnly()] = 1e-2
    """Largest deviation of a normal number after an inversion and back; how many responses are beyond it is said."""

    def unfitted(self, setting: Setting) -> Constants:
        """Those of the photon sum and of the flow."""
        return {**PhotonSum.unfitted(), **prefixed(self.network.unfitted(prod(setting.shape)), "network")}

    def fit(self, fitting: Fitting) -> Constants:
        """Those of the photon sum and of the flow, which sees the first training events."""
        rows, columns = fitting.train.counts.shape[1:]
        counts = jnp.asarray(fitting.train.counts[:FIT_EVENTS], jnp.float32)
        seen = np.asarray(Fractions(self, (rows, columns)).forward(counts, jax.random.key(0)))
        return {**PhotonSum.fit(fitting.train), **prefixed(self.network.fit(seen), "network")}

    @property
    def separable(self) -> bool:
        """The loss is a mean over events."""
        return True

    def build(self, setting: Setting, *, key: Key) -> NormalizingFlow:
        """The flow of whole responses.

        Raises:
            ComponentError: the stage does not generate responses, or the earlier stage no channel sums.
        """
        photons = PhotonSum.build(self.component, self.photons, setting)
        rows, columns = setting.shape
        constants = within(setting.constants, "network")
        network = self.network.flow(rows * columns, setting.features + FEATURES, constants, key=key)
        return NormalizingFlow(network, photons, Fractions(self, (rows, columns)), self)


class NormalizingFlow(Scheme):
    """See `NormalizingFlowConfig`."""

    network: FlowNetwork
    photons: PhotonSum
    fractions: Fractions
    config: NormalizingFlowConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """One player."""
        return {"flow": ("network",)}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """-ln p of the logits, per pixel, so that it does not grow with the detector."""
        del player
        noise_key, dropout_key = jax.random.split(key)
        x, context = self.seen(batch, noise_key)
        loss = -jnp.mean(self.log_density(x, context, dropout_key)) / self.fractions.size
        return Outcome(loss, {"loss": loss})

    def seen(self, batch: Batch, key: Key) -> tuple[Float[Array, "B D"], Float[Array, "B F+1"]]:
        """(logits of the responses, condition with their photon sums)."""
        total = jnp.sum(batch.counts, axis=(1, 2))
        return self.fractions.forward(batch.counts, key), self.photons.context(batch.condition, total)

    def log_density(
        self, x: Float[Array, "B D"], context: Float[Array, "B F+1"], key: Key | None = None
    ) -> Float[Array, " B"]:
        """Logarithm of p(x | condition) of logits, in nats."""
        z, logarithm = self.network(x, context, key)
        return logarithm - 0.5 * jnp.sum(jnp.square(z) + jnp.log(2.0 * jnp.pi), axis=-1)

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        """Draw the photon sum, then their shares by inverting the flow; whole photons."""
        sum_key, noise_key = jax.random.split(key)
        total = self.photons.draw(condition, sum_key)
        z = self.config.temperature * jax.random.normal(noise_key, (len(total), self.fractions.size))
        found = self.network.invert(z, self.photons.context(condition, total))
        bad = jnp.sum(~(found.error <= self.config.tolerance))
        jax.lax.cond(bad > 0, lambda: jax.debug.callback(_say, bad, len(total), self.config.tolerance), lambda: None)
        return self.fractions.inverse(found.vectors, total)


def _say(bad: Int[np.ndarray, ""], number: int, tolerance: float) -> None:
    warnings.warn(
        f"normalizing flow: {int(bad)} of {int(number)} responses miss their normal numbers by more than "
        f"{float(tolerance):g} after inversion (float32); see the keys minimum and tolerance",
        stacklevel=1,
    )
