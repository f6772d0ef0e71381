"""Residual multi-layer perceptron for small vectors such as the readout channels."""

from __future__ import annotations

from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field

from zoo.architectures.time_network import TimeNetwork, TimeNetworkConfig
from zoo.catalogue import register
from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.layers.time_embedding import sinusoidal_embedding
from zoo.typing import Key

TIME_SCALE = 1000.0
"""Times in [0, 1] are embedded on the scale of diffusion steps, so that nearby times are told apart."""


@register("architecture", "mlp")
class MLPConfig(TimeNetworkConfig):
    """Residual perceptron on the flattened state, condition features and a time embedding."""

    width: Annotated[int, Field(ge=1)] = 256
    """Units of every hidden layer."""
    blocks: Annotated[int, Field(ge=1)] = 4
    """Residual blocks of layer norm, dense, SiLU, dense."""
    time_features: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    """Size of the sinusoidal time embedding."""

    def build(self, *, shape: tuple[int, ...], in_channels: int, out_channels: int, features: int, key: Key) -> MLP:
        """A perceptron for states of any shape."""
        keys = jax.random.split(key, 2 + 2 * self.blocks)
        inputs = int(np.prod(shape)) * in_channels + features + self.time_features
        return MLP(
            enter=Linear(inputs, self.width, key=keys[0]),
            blocks=tuple(
                ResidualBlock(self.width, keys[2 * number + 2], keys[2 * number + 3]) for number in range(self.blocks)
            ),
            norm=LayerNorm(self.width),
            leave=Linear(self.width, int(np.prod(shape)) * out_channels, key=keys[1]),
            time_features=self.time_features,
            output_shape=(*shape, out_channels),
        )


class ResidualBlock(eqx.Module):
    """x + Dense(SiLU(Dense(LayerNorm(x))))."""

    norm: LayerNorm
    first: Linear
    second: Linear

    def __init__(self, width: int, first_key: Key, second_key: Key) -> None:
        self.norm = LayerNorm(width)
        self.first = Linear(width, width, key=first_key)
        self.second = Linear(width, width, key=second_key)

    def __call__(self, x: Float[Array, "B D"]) -> Float[Array, "B D"]:
        """Vectors in, vectors out, float32."""
        return x + self.second(jax.nn.silu(self.first(self.norm(x)))).astype(jnp.float32)


class MLP(TimeNetwork):
    """See `MLPConfig`."""

    enter: Linear
    blocks: tuple[ResidualBlock, ...]
    norm: LayerNorm
    leave: Linear
    time_features: int = eqx.field(static=True)
    output_shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(
        self,
        x: Float[Array, "B *shape in"],
        time: Float[Array, " B"],
        features: Float[Array, "B F"],
        *,
        key: Key | None = None,
    ) -> Float[Array, "B *shape out"]:
        """Predict the field; there is no dropout, so `key` is not used."""
        del key
        embedded = sinusoidal_embedding(TIME_SCALE * time, self.time_features)
        hidden = self.enter(jnp.concatenate([x.reshape(len(x), -1), features, embedded], axis=-1)).astype(jnp.float32)
        for block in self.blocks:
            hidden = block(hidden)
        return self.leave(self.norm(hidden)).astype(jnp.float32).reshape(len(x), *self.output_shape)
