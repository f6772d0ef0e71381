"""The role of an embedding: a trained vector for every particle, beside its features."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

import equinox as eqx
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import Config
from zoo.data.constants import Constants
from zoo.schemes.scheme import Fitting, Setting
from zoo.typing import Key


class Embedding(eqx.Module):
    """From raw particle columns to vectors."""

    @abstractmethod
    def __call__(self, particles: Float[Array, "B P"]) -> Float[Array, "B size"]:
        """The vectors, float32.

        Raises:
            DataError: the particles lack a column that is needed.
        """


class EmbeddingConfig(Config):
    """Config of an embedding."""

    size: Annotated[int, Field(ge=1)] = 32
    """Numbers of a vector."""

    @abstractmethod
    def unfitted(self, setting: Setting) -> Constants:
        """Neutral constants, for building without data."""

    @abstractmethod
    def fit(self, fitting: Fitting) -> Constants:
        """Constants learned from the training split.

        Raises:
            ComponentError: the embedding cannot hold what is in the events.
            DataError: the events lack what is needed.
        """

    @abstractmethod
    def build(self, setting: Setting, constants: Constants, *, key: Key) -> Embedding:
        """The embedding with fresh vectors."""
