"""The network that draws the latent vector of an autoencoder, given the condition (components 4)."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.linear import Linear
from zoo.layers.rectify import rectify
from zoo.typing import Key

SLOPE = 0.2


class NoiseGenerator(eqx.Module):
    """Dense layers on noise (twice as wide) and condition, concatenated; two dense layers, then one with ReLU."""

    noise: Linear
    condition: Linear
    hidden: tuple[Linear, Linear]
    out: Linear

    def __init__(self, noise: int, features: int, latent: int, *, hidden: int = 128, key: Key) -> None:
        keys = jax.random.split(key, 5)
        self.noise = Linear(noise, 2 * hidden, key=keys[0])
        self.condition = Linear(features, hidden, key=keys[1])
        self.hidden = Linear(3 * hidden, 4 * hidden, key=keys[2]), Linear(4 * hidden, 4 * hidden, key=keys[3])
        self.out = Linear(4 * hidden, latent, key=keys[4])

    def __call__(self, noise: Float[Array, "B noise"], features: Float[Array, "B F"]) -> Float[Array, "B latent"]:
        """Latent vectors, never negative, float32."""
        x = jnp.concatenate([self.noise(noise), self.condition(features)], axis=-1)
        for layer in self.hidden:
            x = layer(jax.nn.leaky_relu(x, SLOPE))
        return rectify(self.out(jax.nn.leaky_relu(x, SLOPE)).astype(jnp.float32))
