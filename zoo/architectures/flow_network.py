"""The role of a network that a normalizing flow is made of: vectors to normal numbers, and back."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int

from zoo.catalogue import Config
from zoo.data.constants import Constants
from zoo.typing import Key

Vectors = Float[Array, "B D"]
Context = Float[Array, "B F"]


class Inverted(NamedTuple):
    """What an inversion found."""

    vectors: Vectors
    error: Float[Array, " B"]
    """Largest deviation of any number of a vector when it is transformed again."""
    passes: Int[Array, ""]
    """Passes through the networks of all blocks together."""


class FlowNetwork(eqx.Module):
    """An invertible map of vectors, given a condition; never sees a loss."""

    @property
    @abstractmethod
    def features(self) -> int:
        """Size of the condition."""

    @abstractmethod
    def __call__(self, x: Vectors, context: Context, key: Key | None = None) -> tuple[Vectors, Float[Array, " B"]]:
        """(y, ln |det dy/dx|), float32; `key` is the randomness of dropout, None switches it off."""

    @abstractmethod
    def invert(self, y: Vectors, context: Context) -> Inverted:
        """The vectors that are transformed to y, and by how much they miss it."""


class FlowNetworkConfig(Config):
    """Config of a `FlowNetwork`; most have nothing to fit."""

    def unfitted(self, size: int) -> Constants:
        """Neutral constants for vectors of this size."""
        del size
        return {}

    def fit(self, x: Float[np.ndarray, "N D"]) -> Constants:
        """Constants learned from training vectors; `flow` is given them."""
        del x
        return {}

    @abstractmethod
    def flow(self, size: int, features: int, constants: Constants | None = None, *, key: Key) -> FlowNetwork:
        """The flow of vectors of this size, with float32 parameters; neutral where there are no constants."""
