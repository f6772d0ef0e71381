"""A number for every particle of the training split."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


class ParticleTable(eqx.Module):
    """Finds particles by bisection, exactly: equal means equal in every column as float32."""

    particles: Float[Array, "U P"]
    """Different particles in lexicographic order, as `numpy.unique(..., axis=0)` gives them."""
    values: Float[Array, " U"]

    def __call__(self, particles: Float[Array, "B P"]) -> Float[Array, " B"]:
        """The number of each particle; 0 for one that is not in the table. Further columns are passed over."""
        particles = particles[:, : self.particles.shape[1]]
        place = jnp.minimum(self._place(particles), len(self.particles) - 1)
        known = jnp.all(self.particles[place] == particles, axis=-1)
        return jnp.where(known, self.values[place], 0.0)

    def _place(self, particles: Float[Array, "B P"]) -> Int[Array, " B"]:
        """How many particles of the table come before each."""
        low = jnp.zeros(len(particles), jnp.int32)
        high = jnp.full(len(particles), len(self.particles), jnp.int32)
        for _ in range(len(self.particles).bit_length()):
            middle = (low + high) // 2
            before = _before(self.particles[jnp.minimum(middle, len(self.particles) - 1)], particles)
            searching = low < high
            low = jnp.where(searching & before, middle + 1, low)
            high = jnp.where(searching & ~before, middle, high)
        return low


def _before(first: Float[Array, "B P"], second: Float[Array, "B P"]) -> Float[Array, " B"]:
    """Whether rows come before others in lexicographic order."""
    column = jnp.argmax(first != second, axis=-1)[:, None]
    return (jnp.take_along_axis(first, column, axis=-1) < jnp.take_along_axis(second, column, axis=-1))[:, 0]
