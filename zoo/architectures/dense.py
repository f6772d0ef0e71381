"""The dense network of direct channel estimation (FM paper, appendix E; schemes 11)."""

from __future__ import annotations

from math import prod
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.architectures.mlp import TIME_SCALE
from zoo.architectures.time_network import TimeNetwork, TimeNetworkConfig
from zoo.architectures.vector_network import VectorNetwork, VectorNetworkConfig
from zoo.catalogue import register
from zoo.layers.dropout import Dropout
from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.layers.time_embedding import sinusoidal_embedding
from zoo.typing import Key


@register("architecture", "dense")
class DenseConfig(TimeNetworkConfig, VectorNetworkConfig):
    """Dense layers of one width with GELU and dropout, residual in the middle: 18,245 parameters from 9 to 5 numbers.

    As the velocity of a flow it also receives the state and a time embedding.
    """

    width: Annotated[int, Field(ge=1)] = 64
    """Units of every hidden layer."""
    blocks: Annotated[int, Field(ge=1)] = 3
    """Residual blocks of layer norm, dense, GELU, dropout."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the units dropped after the first layer and in every residual block; flow matching drops none."""
    time_features: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    """Size of the sinusoidal time embedding; a regression has no time."""

    def vector(self, inputs: int, outputs: int, *, key: Key) -> Dense:
        """The network from vectors to vectors."""
        keys = jax.random.split(key, 3 + self.blocks)
        return Dense(
            enter=Linear(inputs, self.width, key=keys[0]),
            blocks=tuple(NormDense(self.width, self.width, key=each) for each in keys[3:]),
            last=NormDense(self.width, self.width, key=keys[1]),
            leave=NormDense(self.width, outputs, key=keys[2]),
            dropout=Dropout(self.dropout),
        )

    def build(
        self, *, shape: tuple[int, ...], in_channels: int, out_channels: int, features: int, key: Key
    ) -> TimeDense:
        """The network as the field of a process with states of any shape."""
        inputs = prod(shape) * in_channels + features + self.time_features
        network = self.vector(inputs, prod(shape) * out_channels, key=key)
        return TimeDense(network, self.time_features, (*shape, out_channels))


class NormDense(eqx.Module):
    """Layer norm, then dense."""

    norm: LayerNorm
    dense: Linear

    def __init__(self, inputs: int, outputs: int, *, key: Key) -> None:
        self.norm = LayerNorm(inputs)
        self.dense = Linear(inputs, outputs, key=key)

    def __call__(self, x: Float[Array, "B in"]) -> Float[Array, "B out"]:
        """Vectors in, vectors out, in the dtype of the weights."""
        return self.dense(self.norm(x))


class Dense(VectorNetwork):
    """See `DenseConfig`."""

    enter: Linear
    blocks: tuple[NormDense, ...]
    last: NormDense
    leave: NormDense
    dropout: Dropout

    def __call__(self, x: Float[Array, "B in"], *, key: Key | None = None) -> Float[Array, "B out"]:
        """Vectors in, vectors out, float32."""
        keys = (None,) * (1 + len(self.blocks)) if key is None else jax.random.split(key, 1 + len(self.blocks))
        hidden = self.dropout(jax.nn.gelu(self.enter(x)).astype(jnp.float32), key=keys[0])
        for block, own in zip(self.blocks, keys[1:], strict=True):
            hidden = hidden + self.dropout(jax.nn.gelu(block(hidden)).astype(jnp.float32), key=own)
        return self.leave(jax.nn.gelu(self.last(hidden))).astype(jnp.float32)


class TimeDense(TimeNetwork):
    """The dense network on state, condition features and time."""

    network: Dense
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
        """Predict the field."""
        embedded = sinusoidal_embedding(TIME_SCALE * time, self.time_features)
        inputs = jnp.concatenate([x.reshape(len(x), -1), features, embedded], axis=-1)
        return self.network(inputs, key=key).reshape(len(x), *self.output_shape)
