"""The simulated events that everything is judged against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from zoo.errors import DataError
from zoo.evaluation.groups import particle_groups
from zoo.evaluation.observables import Observed, Readout, Responses, observe


@dataclass(frozen=True)
class Events:
    """Responses with their particles and observables; the responses themselves are not copied."""

    responses: Responses
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
        if len(responses) != len(particles):
            raise DataError(f"{len(responses)} responses but {len(particles)} particles; row i belongs to row i")
        observed = observe(responses, readout)
        return cls(responses, particle_groups(particles), readout, observed)

    def __len__(self) -> int:
        return len(self.responses)

    @property
    def has_pixels(self) -> bool:
        """False for events of which only the channel sums are known."""
        return self.responses.ndim == 3


def stream(seed: int, purpose: int) -> np.random.Generator:
    """Independent random numbers for each purpose, so that one never shifts another."""
    return np.random.default_rng([seed, purpose])


def spread(values: list[float] | Float[np.ndarray, " K"]) -> dict[str, float]:
    """Mean and standard deviation (population) over repeats."""
    return {"mean": float(np.mean(values)), "std": float(np.std(values))}
