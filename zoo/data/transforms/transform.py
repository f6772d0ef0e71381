"""The role of a transform."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from zoo.catalogue import Config
from zoo.data.constants import Constants
from zoo.typing import Key


class Transform(eqx.Module):
    """A reversible map on a batch, in float32 on the device."""

    random: ClassVar[bool] = False
    """Whether it adds noise on the way to model space."""

    @abstractmethod
    def forward(self, x: Float[Array, "B *shape"], key: Key) -> Float[Array, "B *shape"]:
        """Towards model space; `key` feeds transforms that add noise."""

    @abstractmethod
    def inverse(self, x: Float[Array, "B *shape"]) -> Float[Array, "B *shape"]:
        """Back towards photons."""


class TransformConfig(Config):
    """Config of a transform; most have nothing to fit."""

    def unfitted(self, shape: tuple[int, ...]) -> Constants:
        """Neutral constants of the right names and shapes."""
        del shape
        return {}

    def fit(self, sample: Float[np.ndarray, "N *shape"]) -> Constants:
        """Constants fitted on training values as the previous transforms leave them."""
        del sample
        return {}

    @abstractmethod
    def build(self, constants: Constants) -> Transform:
        """The transform with its constants."""
