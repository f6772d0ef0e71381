"""What schemes with a `TimeNetwork` share: a field over states, given the time and the condition."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.architectures.time_network import TimeNetwork, TimeNetworkConfig
from zoo.data.condition import Condition
from zoo.schemes.scheme import Setting
from zoo.typing import Key


def network_for(config: TimeNetworkConfig, setting: Setting, *, key: Key) -> TimeNetwork:
    """The network for data of the setting's shape and channels; maps are further channels of images.

    Raises:
        ComponentError: the network cannot be built for them.
    """
    channels = setting.channels or 1
    return config.build(
        shape=setting.shape,
        in_channels=channels + (setting.maps if len(setting.shape) == 2 else 0),
        out_channels=channels,
        features=setting.features,
        key=key,
    )


def field(
    network: TimeNetwork,
    x: Float[Array, "B *shape"],
    time: Float[Array, " B"],
    condition: Condition,
    *,
    with_channels: bool = False,
) -> Float[Array, "B *shape"]:
    """The network's output, float32; `with_channels` tells whether the last axis of `x` counts channels."""
    state = x if with_channels else x[..., None]
    if condition.maps is not None and state.ndim == 4:
        state = jnp.concatenate([state, condition.maps], axis=-1)
    output = network(state, time, condition.features)
    return output if with_channels else output[..., 0]


def per_example(value: Float[Array, " B"], ndim: int) -> Float[Array, "B *ones"]:
    """A number for each example, to be multiplied with an array of `ndim` axes."""
    return value.reshape(-1, *(1,) * (ndim - 1))
