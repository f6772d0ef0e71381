"""Generating responses for many particles within the memory of one chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from zoo.layers.placement import Placement
from zoo.schemes.model import Model, computing
from zoo.typing import Key, Particles

CHUNK = 256
"""Responses generated per compiled call; the batch size of the papers' timing protocol."""


class Generator:
    """A model made ready for inference: networks in the compute dtype, sampling jitted whole."""

    def __init__(self, model: Model, dtype: jnp.dtype, chunk: int = CHUNK, devices: int = 1) -> None:
        """Make a model ready.

        Args:
            model: the model.
            dtype: what its networks compute in.
            chunk: particles of a call; fewer than usual save time where there are fewer particles than that.
            devices: how many chunks are generated at the same time, each on a device of its own.
        """
        self._placement = Placement(devices)
        self._model = self._placement.everywhere(computing(model, dtype))
        self.chunk, self.devices = chunk, devices

    def chunks(self, particles: Particles, key: Key, offset: int = 0) -> Iterator[tuple[slice, np.ndarray]]:
        """(rows, generated photons as float32) chunk by chunk, in order.

        The randomness of a chunk depends on (key, offset + its number) alone; the last chunk is padded, so
        that every call runs the same compiled program.
        """
        starts = range(0, len(particles), self.chunk)
        for first in range(0, len(starts), self.devices):
            together = starts[first : first + self.devices]
            blocks = [particles[start : start + self.chunk] for start in together]
            generated = np.asarray(self.together(blocks, key, offset + first))
            for number, (start, block) in enumerate(zip(together, blocks, strict=True)):
                yield slice(start, start + len(block)), generated[number, : len(block)]

    def all(self, particles: Particles, key: Key) -> Float[np.ndarray, "N *shape"]:
        """Every generated target at once."""
        return np.concatenate([generated for _, generated in self.chunks(particles, key)])

    def __call__(self, particles: Particles, key: Key) -> Float[Array, "chunk *shape"]:
        """Generated targets for at most one chunk of particles, padded to a whole chunk."""
        return _sample(self._model, jnp.asarray(self._padded(particles)), key)

    def together(self, blocks: Sequence[Particles], key: Key, first: int = 0) -> Float[Array, "devices chunk *shape"]:
        """Generated targets for at most one chunk of particles per device, all at the same time.

        The randomness of block number `i` is that of (key, first + i).
        """
        keys = jax.vmap(lambda number: jax.random.fold_in(key, number))(first + jnp.arange(self.devices))
        if self.devices == 1:
            return self(blocks[0], keys[0])[None]
        padded = [*blocks, *[blocks[-1]] * (self.devices - len(blocks))]
        items = self._placement.parted((np.stack([self._padded(block) for block in padded]), keys), axis=0)
        return _sample_each(self._model, items, self._placement)

    def _padded(self, particles: Particles) -> Float[np.ndarray, "chunk P"]:
        block = np.asarray(particles, np.float32)
        missing = self.chunk - len(block)
        return np.concatenate([block, np.repeat(block[-1:], missing, axis=0)]) if missing else block


@eqx.filter_jit
def _sample(model: Model, particles: Float[Array, "B P"], key: Key) -> Float[Array, "B *shape"]:
    """Compiled once per structure: new weights of the same model, as in every validation, compile nothing."""
    return model.sample(particles, key).astype(jnp.float32)


@eqx.filter_jit
def _sample_each(model: Model, items: tuple[Float[Array, "D B P"], Key], placement: Placement) -> Float[Array, "D ..."]:
    """`_sample` on every device, of its own block and key."""
    return placement.each(lambda model, item: model.sample(*item).astype(jnp.float32), model, items)
