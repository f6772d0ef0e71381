"""A dense layer whose weights are normal distributions (mean-field variational inference, arXiv 1505.05424)."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.initial import lecun_normal
from zoo.typing import Key, Scalar

START = -5.0
"""Softplus of this is the first standard deviation of every weight, 0.007."""


class BayesianLinear(eqx.Module):
    """`x @ weight + bias` with weights drawn anew for every example, through what they do to its output.

    Local reparametrisation (arXiv 1506.02557): the sum of normal numbers is normal, so that one number per output is
    drawn instead of one per weight. The prior of every weight is a standard normal.
    """

    mean: Float[Array, "in out"]
    raw_std: Float[Array, "in out"]
    bias: Float[Array, " out"]

    def __init__(self, in_size: int, out_size: int, *, key: Key) -> None:
        self.mean = lecun_normal(key, (in_size, out_size))
        self.raw_std = jnp.full((in_size, out_size), START)
        self.bias = jnp.zeros(out_size)

    def __call__(self, x: Float[Array, "B in"], *, key: Key) -> Float[Array, "B out"]:
        """The outputs with weights drawn for every example."""
        x = x.astype(self.mean.dtype)
        centre = x @ self.mean + self.bias
        variance = jnp.square(x) @ jnp.square(jax.nn.softplus(self.raw_std))
        return centre + jnp.sqrt(variance + 1e-12) * jax.random.normal(key, centre.shape, centre.dtype)

    def divergence(self) -> Scalar:
        """Kullback-Leibler divergence of the weights' distribution from the prior, in nats, float32."""
        mean, std = self.mean.astype(jnp.float32), jax.nn.softplus(self.raw_std.astype(jnp.float32))
        return 0.5 * jnp.sum(jnp.square(mean) + jnp.square(std) - 1.0 - 2.0 * jnp.log(std))
