"""Generating responses for many particles within the memory of one chunk."""

from __future__ import annotations

from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from zoo.schemes.model import Model, computing
from zoo.typing import Key, Particles

CHUNK = 256
"""Responses generated per compiled call; the batch size of the papers' timing protocol."""


class Generator:
    """A model made ready for inference: networks in the compute dtype, sampling jitted whole."""

    def __init__(self, model: Model, dtype: jnp.dtype, chunk: int = CHUNK) -> None:
        """Make a model ready; a chunk smaller than usual saves time where there are fewer particles than that."""
        self._model = computing(model, dtype)
        self.chunk = chunk

    def chunks(self, particles: Particles, key: Key, offset: int = 0) -> Iterator[tuple[slice, np.ndarray]]:
        """(rows, generated photons as float32) chunk by chunk, in order.

        The randomness of a chunk depends on (key, offset + its number) alone; the last chunk is padded, so
        that every call runs the same compiled program.
        """
        for number, start in enumerate(range(0, len(particles), self.chunk)):
            rows = slice(start, min(start + self.chunk, len(particles)))
            generated = self(particles[rows], jax.random.fold_in(key, offset + number))
            yield rows, np.asarray(generated)[: rows.stop - rows.start]

    def all(self, particles: Particles, key: Key) -> Float[np.ndarray, "N *shape"]:
        """Every generated target at once."""
        return np.concatenate([generated for _, generated in self.chunks(particles, key)])

    def __call__(self, particles: Particles, key: Key) -> Float[Array, "chunk *shape"]:
        """Generated targets on the device for at most one chunk of particles, padded to a whole chunk."""
        block = np.asarray(particles, np.float32)
        if len(block) < self.chunk:
            block = np.concatenate([block, np.repeat(block[-1:], self.chunk - len(block), axis=0)])
        return _sample(self._model, jnp.asarray(block), key)


@eqx.filter_jit
def _sample(model: Model, particles: Float[Array, "B P"], key: Key) -> Float[Array, "B *shape"]:
    """Compiled once per structure: new weights of the same model, as in every validation, compile nothing."""
    return model.sample(particles, key).astype(jnp.float32)
