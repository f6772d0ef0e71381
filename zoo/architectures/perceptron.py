"""A plain multi-layer perceptron with layers of any sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.architectures.vector_network import VectorNetwork, VectorNetworkConfig
from zoo.catalogue import register
from zoo.layers.linear import Linear
from zoo.typing import Key

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "leaky_relu": jax.nn.leaky_relu,
}


@register("architecture", "perceptron")
class PerceptronConfig(VectorNetworkConfig):
    """Dense layers one after the other: 14,036 parameters from 3 to 148 numbers by two layers of 64."""

    hidden: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Strict(False), Field(min_length=1)] = (64, 64)
    """Units of every hidden layer."""
    activations: Annotated[tuple[Literal["relu", "tanh", "leaky_relu"], ...], Strict(False), Field(min_length=1)] = (
        "relu",
        "tanh",
        "leaky_relu",
    )
    """What follows the hidden layers, in turn."""

    def vector(self, inputs: int, outputs: int, *, key: Key) -> Perceptron:
        """The network for vectors of these sizes."""
        sizes = [inputs, *self.hidden, outputs]
        keys = jax.random.split(key, len(sizes) - 1)
        layers = tuple(Linear(a, b, key=one) for a, b, one in zip(sizes[:-1], sizes[1:], keys, strict=True))
        return Perceptron(layers, self.activations)


class Perceptron(VectorNetwork):
    """See `PerceptronConfig`."""

    layers: tuple[Linear, ...]
    activations: tuple[str, ...] = eqx.field(static=True)

    def __call__(self, x: Float[Array, "B in"], *, key: Key | None = None) -> Float[Array, "B out"]:
        """The outputs, float32; there is no dropout."""
        del key
        for number, layer in enumerate(self.layers[:-1]):
            x = ACTIVATIONS[self.activations[number % len(self.activations)]](layer(x))
        return self.layers[-1](x).astype(jnp.float32)
