"""The simulated events that everything is judged against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Shaped

from zoo.errors import DataError
from zoo.evaluation.groups import particle_groups
from zoo.evaluation.observables import Observed, Readout, Responses, observe


@dataclass(frozen=True)
class Events:
    """Responses with their particles and observables; the responses themselves are not copied."""

    responses: Responses
    particles: Shaped[np.ndarray, "N P"]
    groups: Int[np.ndarray, " N"]
    """Number of the particle of every event."""
    readout: Readout | None
    observed: Observed

    @classmethod
    def of(cls, responses: Responses, particles: Shaped[np.ndarray, "N P"], readout: Readout | None) -> Events:
        """Check the arrays and measure the responses.

        Raises:
            DataError: arrays that do not fit each other or hold impossible values.
        """
        observed, groups = observe(responses, readout), particle_groups(particles)
        if len(responses) != len(groups):
            raise DataError(f"{len(responses)} responses but {len(groups)} particles; row i belongs to row i")
        return cls(responses, particles, groups, readout, observed)

    def __len__(self) -> int:
        return len(self.responses)

    @property
    def has_pixels(self) -> bool:
        """False for events of which only the channel sums are known."""
        return self.responses.ndim == 3
