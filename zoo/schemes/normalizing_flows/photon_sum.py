"""The number of photons of a response: one more feature, drawn by an earlier stage (as in CaloFlow)."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from zoo.data.condition import Condition
from zoo.data.constants import Constants
from zoo.data.events import Events
from zoo.data.target import Channels
from zoo.errors import ComponentError
from zoo.schemes.model import Model
from zoo.schemes.scheme import Setting
from zoo.typing import Key

FEATURES = 1
"""Numbers that it adds to the condition."""


class PhotonSum(eqx.Module):
    """Draws photon sums, and standardises ln(1 + sum) as a feature."""

    stage: Model
    mean: Float[Array, ""]
    std: Float[Array, ""]

    @staticmethod
    def build(scheme: str, stage: str, setting: Setting) -> PhotonSum:
        """The sum of the channels that an earlier stage generates.

        Raises:
            ComponentError: the earlier stage generates no channel sums, or this one no responses.
        """
        if len(setting.shape) != 2:
            raise ComponentError(f"scheme {scheme!r} generates responses: model.target must be 'response'")
        model = setting.earlier[stage]
        if not isinstance(model.target, Channels):
            raise ComponentError(
                f"scheme {scheme!r}: stage {stage!r} generates no channel sums; its target must be 'channels'"
            )
        mean, std = (jnp.asarray(setting.constants[name], jnp.float32) for name in ("mean", "std"))
        return PhotonSum(model, mean, std)

    @staticmethod
    def unfitted() -> Constants:
        """Neutral numbers."""
        return {"mean": np.zeros(()), "std": np.ones(())}

    @staticmethod
    def fit(train: Events) -> Constants:
        """Mean and standard deviation of ln(1 + sum) in training."""
        sums = np.log1p(train.counts.sum(axis=(1, 2), dtype=np.float64))
        return {"mean": sums.mean(), "std": np.maximum(sums.std(), 1e-6)}

    def draw(self, condition: Condition, key: Key) -> Float[Array, " B"]:
        """Photons, one sum per particle."""
        return jnp.sum(self.stage.sample(condition.particles, key), axis=-1)

    def context(self, condition: Condition, total: Float[Array, " B"]) -> Float[Array, "B F+1"]:
        """The particle's features and the sum's."""
        feature = (jnp.log1p(total) - self.mean) / self.std
        return jnp.concatenate([condition.features, feature[:, None]], axis=-1)
