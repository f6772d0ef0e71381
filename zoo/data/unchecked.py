"""Arrays of a data set as they are in their files, so that everything wrong with them can be said at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Unchecked:
    """Two arrays that are meant to be responses and particles; of any shape, dtype and content."""

    responses: np.ndarray
    particles: np.ndarray
    origin: str

    def first(self, events: int | None) -> Unchecked:
        """The first events, or all."""
        if events is None or not (self.responses.ndim and self.particles.ndim):
            return self
        return Unchecked(self.responses[:events], self.particles[:events], self.origin)
