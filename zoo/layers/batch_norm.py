"""Batch normalisation with running statistics in buffers."""

from __future__ import annotations

from typing import Self

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from zoo.layers.buffer import Buffer


class BatchNorm(eqx.Module):
    """Normalise every channel over batch and pixels; momentum 0.99, eps 1e-5 (components 0), always in float32.

    Training uses the statistics of the batch and returns a layer whose running ones have moved towards them;
    evaluation uses the running ones. Nothing is derived through a moved layer.
    """

    scale: Float[Array, " channels"]
    bias: Float[Array, " channels"]
    mean: Buffer
    variance: Buffer
    momentum: float = eqx.field(static=True)
    eps: float = eqx.field(static=True)

    def __init__(self, channels: int, *, momentum: float = 0.99, eps: float = 1e-5) -> None:
        self.scale, self.bias = jnp.ones(channels), jnp.zeros(channels)
        self.mean, self.variance = Buffer(jnp.zeros(channels)), Buffer(jnp.ones(channels))
        self.momentum, self.eps = momentum, eps

    def __call__(
        self, x: Float[Array, "*batch channels"], *, training: bool
    ) -> tuple[Float[Array, "*batch channels"], Self]:
        """The normalised values, float32, and the layer to go on with."""
        rows = x.astype(jnp.float32).reshape(-1, x.shape[-1])
        mean, variance, layer = self.mean.value, self.variance.value, self
        if training:
            # Products with a vector: XLA's CPU sums over the leading axis are slow, above all backwards.
            weights = jnp.full(len(rows), 1.0 / len(rows))
            mean = weights @ rows
            variance = weights @ jnp.square(rows - mean)
            layer = self._moved(mean, variance)
        scale = self.scale.astype(jnp.float32) * lax.rsqrt(variance + self.eps)
        rows = (rows - mean) * scale + self.bias.astype(jnp.float32)
        return rows.reshape(x.shape), layer

    def _moved(self, mean: Float[Array, " channels"], variance: Float[Array, " channels"]) -> Self:
        def towards(running: Buffer, batch: Float[Array, " channels"]) -> Buffer:
            return Buffer(self.momentum * running.value + (1.0 - self.momentum) * lax.stop_gradient(batch))

        moved = towards(self.mean, mean), towards(self.variance, variance)
        return eqx.tree_at(lambda layer: (layer.mean, layer.variance), self, moved)
