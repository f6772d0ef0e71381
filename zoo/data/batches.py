"""Which events make up step number `s`: a function of (seed, s) alone, so that resuming is exact."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Int


class BatchOrder:
    """Every epoch is a fresh permutation; batches are cut from the endless sequence of epochs.

    A batch may span two epochs, so every event is seen exactly once per epoch and every batch is full:
    nothing is dropped and nothing is compiled twice for a smaller last batch.
    """

    def __init__(self, events: int, batch_size: int, seed: int, stage: int = 0) -> None:
        self.events, self.batch_size = events, batch_size
        self._permutation = lru_cache(maxsize=4)(
            lambda epoch: np.random.default_rng((seed, stage, epoch)).permutation(events)
        )

    def rows(self, step: int) -> Int[np.ndarray, " B"]:
        """Row numbers of the training events of one step."""
        start, stop = step * self.batch_size, (step + 1) * self.batch_size
        parts = []
        while start < stop:
            epoch, offset = divmod(start, self.events)
            take = min(stop - start, self.events - offset)
            parts.append(self._permutation(epoch)[offset : offset + take])
            start += take
        return np.concatenate(parts)

    def steps(self, epochs: float) -> int:
        """Number of steps in which every event is seen `epochs` times."""
        return max(1, round(epochs * self.events / self.batch_size))
