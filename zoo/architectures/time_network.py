"""The role of a network that a flow or diffusion process integrates: (x, time, condition) -> field."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float

from zoo.catalogue import Config
from zoo.typing import Key


class TimeNetwork(eqx.Module):
    """Velocity, noise or clean-data predictor on a batch; never sees a loss."""

    @abstractmethod
    def __call__(
        self,
        x: Float[Array, "B *shape in"],
        time: Float[Array, " B"],
        features: Float[Array, "B F"],
        *,
        key: Key | None = None,
    ) -> Float[Array, "B *shape out"]:
        """The predicted field, float32.

        Args:
            x: state of the process with condition maps appended as channels; `*shape` is `H W` for
                responses and `R` for readout channels.
            time: time of the process per example, in [0, 1].
            features: condition features.
            key: randomness of dropout; None switches it off.
        """


class TimeNetworkConfig(Config):
    """Config of a `TimeNetwork`."""

    @abstractmethod
    def build(
        self, *, shape: tuple[int, ...], in_channels: int, out_channels: int, features: int, key: Key
    ) -> TimeNetwork:
        """The network for states of `shape`, with float32 parameters.

        Raises:
            ComponentError: the network cannot be built for this shape.
        """
