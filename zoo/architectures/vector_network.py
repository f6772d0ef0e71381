"""The role of a network from vectors to vectors."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float

from zoo.catalogue import Config
from zoo.typing import Key


class VectorNetwork(eqx.Module):
    """Vectors in, vectors out, on a batch; never sees a loss."""

    @abstractmethod
    def __call__(self, x: Float[Array, "B in"], *, key: Key | None = None) -> Float[Array, "B out"]:
        """The outputs, of either sign, float32.

        Args:
            x: the inputs.
            key: randomness of dropout; None switches it off.
        """


class VectorNetworkConfig(Config):
    """Config of a `VectorNetwork`."""

    @abstractmethod
    def vector(self, inputs: int, outputs: int, *, key: Key) -> VectorNetwork:
        """The network for vectors of these sizes, with float32 parameters."""
