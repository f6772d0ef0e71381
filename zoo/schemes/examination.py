"""Asking a scheme about events it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree, Shaped

from zoo.data.events import Events
from zoo.schemes.generation import CHUNK
from zoo.schemes.model import Model, computing
from zoo.schemes.scheme import Encoding, Examined, Reconstructing, Tokenising
from zoo.typing import Key

Raw = tuple[Shaped[Array, "B H W"], Float[Array, "B P"]]
"""Counts and particles on the device."""


class Examiner:
    """The errors of a scheme about given responses, chunk by chunk."""

    def __init__(self, model: Model, dtype: jnp.dtype, chunk: int = CHUNK) -> None:
        self._model = computing(model, dtype)
        self.chunk = chunk

    def chunks(self, events: Events, key: Key) -> Iterator[tuple[slice, dict[str, Float[np.ndarray, " n"]]]]:
        """(rows, errors of these events by name); the last chunk is padded, so that one program serves all."""
        for rows, raw in _blocks(events, self.chunk):
            found = _errors(self._model, *raw, key)
            yield rows, {name: np.asarray(each)[: rows.stop - rows.start] for name, each in found.items()}

    def means(self, events: Events, key: Key) -> dict[str, float]:
        """Every error averaged over the events."""
        parts = [errors for _, errors in self.chunks(events, key)]
        return {name: float(np.concatenate([part[name] for part in parts]).mean()) for name in parts[0]}


class Reconstructor:
    """Given responses as a scheme makes them anew from its code for them, chunk by chunk."""

    def __init__(self, model: Model, dtype: jnp.dtype, chunk: int = CHUNK) -> None:
        self._model = computing(model, dtype)
        self.chunk = chunk

    def chunks(self, events: Events, key: Key) -> Iterator[tuple[slice, Float[np.ndarray, "n *shape"]]]:
        """(rows, photons of these events as float32)."""
        for rows, raw in _blocks(events, self.chunk):
            yield rows, np.asarray(_reconstructed(self._model, *raw, key))[: rows.stop - rows.start]


class TokenReader:
    """The codebook entries that a scheme makes of given events, chunk by chunk."""

    def __init__(self, model: Model, dtype: jnp.dtype, chunk: int = CHUNK) -> None:
        self._model = computing(model, dtype)
        self.chunk = chunk

    def chunks(self, events: Events, key: Key) -> Iterator[tuple[slice, Int[np.ndarray, "n T"]]]:
        """(rows, entries that stand for these events)."""
        for rows, raw in _blocks(events, self.chunk):
            yield rows, np.asarray(_tokenised(self._model, *raw, key))[: rows.stop - rows.start]


class Encoder:
    """The codes that a scheme learns of given events, chunk by chunk."""

    def __init__(self, model: Model, dtype: jnp.dtype, chunk: int = CHUNK) -> None:
        self._model = computing(model, dtype)
        self.chunk = chunk

    def chunks(self, events: Events, key: Key) -> Iterator[tuple[slice, PyTree[Shaped[np.ndarray, "n ..."]]]]:
        """(rows, codes of these events)."""
        for rows, raw in _blocks(events, self.chunk):
            code = _encoded(self._model, *raw, key)
            yield rows, jax.tree.map(lambda part, rows=rows: np.asarray(part)[: rows.stop - rows.start], code)


def _blocks(events: Events, chunk: int) -> Iterator[tuple[slice, Raw]]:
    """(rows, the events on the device, padded to a whole chunk)."""
    for start in range(0, len(events), chunk):
        rows = np.arange(start, min(start + chunk, len(events)))
        padded = np.resize(rows, chunk)
        counts, particles = events.counts[padded], events.particles[padded].astype(np.float32)
        yield slice(start, start + len(rows)), (jnp.asarray(counts), jnp.asarray(particles))


@eqx.filter_jit
def _errors(
    model: Model, counts: Shaped[Array, "B H W"], particles: Float[Array, "B P"], key: Key
) -> Mapping[str, Float[Array, " B"]]:
    """Compiled once per structure, as generating is."""
    assert isinstance(model.scheme, Examined)
    return model.scheme.errors(model.batch(counts, particles, key))


@eqx.filter_jit
def _reconstructed(
    model: Model, counts: Shaped[Array, "B H W"], particles: Float[Array, "B P"], key: Key
) -> Float[Array, "B *shape"]:
    assert isinstance(model.scheme, Reconstructing)
    return model.scheme.reconstruct(model.batch(counts, particles, key)).astype(jnp.float32)


@eqx.filter_jit
def _encoded(
    model: Model, counts: Shaped[Array, "B H W"], particles: Float[Array, "B P"], key: Key
) -> PyTree[Shaped[Array, "B ..."]]:
    assert isinstance(model.scheme, Encoding)
    return model.scheme.encode(model.batch(counts, particles, key), key)


@eqx.filter_jit
def _tokenised(
    model: Model, counts: Shaped[Array, "B H W"], particles: Float[Array, "B P"], key: Key
) -> Int[Array, "B T"]:
    assert isinstance(model.scheme, Tokenising)
    return model.scheme.tokenise(model.batch(counts, particles, key))
