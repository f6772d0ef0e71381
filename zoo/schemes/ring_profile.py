"""Approximation: the energy within every distance of the expected hit, painted ring by ring (schemes 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field

from zoo.architectures.vector_network import VectorNetwork, VectorNetworkConfig
from zoo.catalogue import OneOf, Published, register
from zoo.data.condition import Condition
from zoo.data.constants import Constants
from zoo.detectors.detector import Detector
from zoo.errors import ComponentError
from zoo.layers.rings import MOST, painted, ring_of, ring_sums
from zoo.schemes.scheme import Batch, Fitting, Outcome, Scheme, SchemeConfig, Setting
from zoo.typing import Key


@register("scheme", "ring_profile")
class RingProfileConfig(SchemeConfig):
    """A network regresses zeta(r), the signal nearer than r pixels to where the particle's line meets the face.

    Generation paints every ring with what zeta gains there, spread evenly, in one gather: the same image for every
    response to a particle, as smooth as rings are. The target's transforms are not used.
    """

    network: Annotated[VectorNetworkConfig, OneOf("architecture"), Field(default="perceptron")]
    """The network from condition features to zeta."""
    rings: Annotated[int, Field(ge=1, le=MOST)] = 148
    """Largest r; the paper's reaches from corner to corner of 105x105 cells."""
    rising: Annotated[bool, Published(False)] = True
    """Add up positive steps, so that zeta never falls; as published it is regressed as it is, and falling steps are
    painted as nothing."""

    def unfitted(self, setting: Setting) -> Constants:
        """A scale of 1."""
        del setting
        return {"scale": np.ones(())}

    def fit(self, fitting: Fitting) -> Constants:
        """The mean signal of a training event."""
        mean = fitting.train.counts.sum(axis=(1, 2), dtype=np.float64).mean()
        return {"scale": np.maximum(mean, 1.0)}

    def build(self, setting: Setting, *, key: Key) -> RingProfile:
        """The regression and the geometry it paints in.

        Raises:
            ComponentError: the stage does not generate responses.
        """
        if len(setting.shape) != 2:
            raise ComponentError("scheme 'ring_profile' generates responses: model.target must be 'response'")
        network = self.network.vector(setting.features, self.rings, key=key)
        scale = jnp.asarray(setting.constants["scale"], jnp.float32)
        return RingProfile(network, scale, setting.readout.detector, self)


class RingProfile(Scheme):
    """See `RingProfileConfig`."""

    network: VectorNetwork
    scale: Float[Array, ""]
    detector: Detector = eqx.field(static=True)
    config: RingProfileConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """One player."""
        return {"regressor": ("network",)}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Mean squared error of zeta over batch and distances, in units of the mean signal."""
        del player, key
        ring = self._rings(batch.condition)
        true = jnp.cumsum(ring_sums(batch.counts, ring, self.config.rings), axis=-1) / self.scale
        loss = jnp.mean(jnp.square(self.zeta(batch.condition) - true))
        return Outcome(loss, {"loss": loss})

    def zeta(self, condition: Condition) -> Float[Array, "B rings"]:
        """The signal within 1, 2, ... pixels of the expected hit, in units of the mean signal."""
        raw = self.network(condition.features)
        return jnp.cumsum(jax.nn.softplus(raw - 4.0), axis=-1) if self.config.rising else raw

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        """The painted image of every particle; there is no randomness in it."""
        del key
        steps = jnp.diff(self.zeta(condition), axis=-1, prepend=0.0)
        return painted(self.scale * jnp.maximum(steps, 0.0), self._rings(condition))

    def _rings(self, condition: Condition) -> Array:
        return ring_of(self.detector.impact(condition.particles), self.detector.shape, self.config.rings)
