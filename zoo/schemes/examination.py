"""Asking a scheme about events it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from zoo.data.events import Events
from zoo.schemes.generation import CHUNK
from zoo.schemes.model import Model, computing
from zoo.schemes.scheme import EventScheme
from zoo.typing import Key


class Examiner:
    """The errors of a scheme about given responses, chunk by chunk."""

    def __init__(self, model: Model, dtype: jnp.dtype, chunk: int = CHUNK) -> None:
        self._model = computing(model, dtype)
        self.chunk = chunk

    def chunks(self, events: Events, key: Key) -> Iterator[tuple[slice, dict[str, Float[np.ndarray, " n"]]]]:
        """(rows, errors of these events by name); the last chunk is padded, so that one program serves all."""
        for start in range(0, len(events), self.chunk):
            rows = np.arange(start, min(start + self.chunk, len(events)))
            padded = np.resize(rows, self.chunk)
            counts, particles = events.counts[padded], events.particles[padded].astype(np.float32)
            found = _errors(self._model, jnp.asarray(counts), jnp.asarray(particles), key)
            yield slice(start, start + len(rows)), {name: np.asarray(each)[: len(rows)] for name, each in found.items()}

    def means(self, events: Events, key: Key) -> dict[str, float]:
        """Every error averaged over the events."""
        parts = [errors for _, errors in self.chunks(events, key)]
        return {name: float(np.concatenate([part[name] for part in parts]).mean()) for name in parts[0]}


@eqx.filter_jit
def _errors(
    model: Model, counts: Shaped[Array, "B H W"], particles: Float[Array, "B P"], key: Key
) -> Mapping[str, Float[Array, " B"]]:
    """Compiled once per structure, as generating is."""
    assert isinstance(model.scheme, EventScheme)
    return model.scheme.errors(model.batch(counts, particles, key))
