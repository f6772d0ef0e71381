"""Activation normalisation: a scale and a shift per number, with a known determinant (Glow, arXiv 1807.03039)."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

Vectors = Float[Array, "B D"]


class ActNorm(eqx.Module):
    """y = (x - mean) / std, number by number, always in float32; both are trained.

    They start where the caller says, which is to be the mean and spread of what comes in (data-dependent
    initialisation); nothing about it is decided in the first step of a training, which can so be resumed at any.
    """

    mean: Float[Array, " D"]
    log_std: Float[Array, " D"]

    def __call__(self, x: Vectors) -> tuple[Vectors, Float[Array, ""]]:
        """(y, ln |det dy/dx|), the latter being the same for all vectors."""
        return (x - self.mean) * jnp.exp(-self.log_std), -jnp.sum(self.log_std)

    def invert(self, y: Vectors) -> Vectors:
        """The vectors that become y."""
        return y * jnp.exp(self.log_std) + self.mean
