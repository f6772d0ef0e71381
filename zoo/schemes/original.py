"""The data against itself: what a perfect generator scores (the papers' "original data"; recipes 0)."""

from __future__ import annotations

from typing import ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from zoo.catalogue import register
from zoo.data.condition import Condition
from zoo.data.constants import Constants
from zoo.data.events import Events
from zoo.data.target import Response, Target
from zoo.schemes.scheme import FittedScheme, Fitting, SchemeConfig, Setting
from zoo.schemes.terms.particle_table import ParticleTable
from zoo.typing import Key

BLOCK = 4096
"""Events whose target is measured at a time."""


@register("scheme", "original")
class OriginalConfig(SchemeConfig):
    """Simulated responses to the same particle, drawn at random from the training split: no generator, a yardstick.

    It holds the whole training split. Compared with the test split it scores what a perfect generator would, or a
    little more: the same few training events of a particle are drawn again and again.
    """

    trained: ClassVar[bool] = False

    unseen: Literal["nearest", "refuse"] = "nearest"
    """What a particle gets that does not occur in training: a response to the one with the nearest features, which is
    no yardstick where there are many such particles, or nothing finite, which is refused wherever it is used."""

    def unfitted(self, setting: Setting) -> Constants:
        """One particle with an empty response."""
        return {
            "particles": np.zeros((1, _columns(setting))),
            "features": np.zeros((1, setting.features)),
            "first": np.zeros(1, np.int32),
            "number": np.ones(1, np.int32),
            "photons": np.zeros((1, *setting.shape), np.float32),
        }

    def fit(self, fitting: Fitting) -> Constants:
        """The training events in the order of their particles, and where the events of every particle begin."""
        particles = fitting.train.particles[:, : _columns(fitting.setting)].astype(np.float32)
        unique, group, number = np.unique(particles, axis=0, return_inverse=True, return_counts=True)
        order = np.argsort(group.reshape(-1), kind="stable")
        return {
            "particles": unique.astype(np.float64),
            "features": np.asarray(fitting.features(jnp.asarray(unique)), np.float64),
            "first": (np.cumsum(number) - number).astype(np.int32),
            "number": number.astype(np.int32),
            "photons": _photons(fitting.train[order], fitting.setting.target),
        }

    def build(self, setting: Setting, *, key: Key) -> Original:
        """The memory of the training split."""
        del key
        constants = setting.constants
        particles, features = (jnp.asarray(constants[name], jnp.float32) for name in ("particles", "features"))
        # A table holds numbers; 0 says that a particle is not known.
        table = ParticleTable(particles, jnp.arange(1.0, len(particles) + 1.0))
        first, number, photons = (jnp.asarray(constants[name]) for name in ("first", "number", "photons"))
        return Original(table, features, first, number, photons, self)


def _columns(setting: Setting) -> int:
    """Columns that make a particle; a PDG id that follows is not counted."""
    return len(setting.readout.detector.columns)


def _photons(events: Events, target: Target) -> Shaped[np.ndarray, "N *shape"]:
    """What the stage generates, of every event; responses in the dtype of their file."""
    if isinstance(target, Response):
        return events.counts
    blocks = (events.counts[start : start + BLOCK] for start in range(0, len(events), BLOCK))
    return np.concatenate([np.asarray(target.physical(jnp.asarray(block, jnp.float32))) for block in blocks])


class Original(FittedScheme):
    """See `OriginalConfig`."""

    table: ParticleTable
    """Particle to its number, counted from 1."""
    features: Float[Array, "U F"]
    first: Int[Array, " U"]
    """Row of the first event of every particle."""
    number: Int[Array, " U"]
    """Events of every particle."""
    photons: Shaped[Array, "N *shape"]
    config: OriginalConfig = eqx.field(static=True)

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B *shape"]:
        """A random event of each particle; NaN for one that is not known and has no stand-in."""
        number = self.table(condition.particles).astype(jnp.int32)
        known, own = number > 0, jnp.maximum(number - 1, 0)
        if self.config.unseen == "nearest":
            known, own = jnp.ones_like(known), jnp.where(known, own, self._nearest(condition.features))
        rank = jax.random.randint(key, own.shape, 0, self.number[own])
        photons = self.photons[self.first[own] + rank].astype(jnp.float32)
        return jnp.where(known.reshape(-1, *(1,) * (photons.ndim - 1)), photons, jnp.nan)

    def _nearest(self, features: Float[Array, "B F"]) -> Int[Array, " B"]:
        columns = range(features.shape[1])
        distance = sum(jnp.square(features[:, None, column] - self.features[:, column]) for column in columns)
        return jnp.argmin(jnp.asarray(distance), axis=1)
