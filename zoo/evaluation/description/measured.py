"""A data set with what is measured of every event."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from zoo.detectors.detector import Detector
from zoo.evaluation.events import Events
from zoo.evaluation.observables import Readout, Responses


@dataclass(frozen=True, eq=False)
class Measured:
    """Checked events, grouped by particle."""

    events: Events
    particles: Float[np.ndarray, "N P"]
    detector: Detector

    @classmethod
    def of(cls, responses: Responses, particles: Float[np.ndarray, "N P"], detector: Detector) -> Measured:
        """Measure responses (N, H, W) or channel sums (N, R).

        Raises:
            DataError: arrays that do not fit each other or hold impossible values.
        """
        readout: Readout | None = detector.readout if len(detector.readout) else None
        return cls(Events.of(responses, particles, readout), particles, detector)

    def __len__(self) -> int:
        return len(self.events)

    @cached_property
    def repeats(self) -> Int[np.ndarray, " G"]:
        """Responses to each particle."""
        return np.bincount(self.events.groups)

    @cached_property
    def unique(self) -> Float[np.ndarray, "G P"]:
        """Every particle once."""
        return self.particles[np.unique(self.events.groups, return_index=True)[1]]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the particle columns; `pdg` for the last one, where it is there."""
        return (*self.detector.column_names, "pdg")[: self.particles.shape[1]]

    @property
    def pdg(self) -> Int[np.ndarray, " N"] | None:
        """PDG id of every event, where known."""
        if self.particles.shape[1] == len(self.detector.columns):
            return None
        return np.rint(self.detector.pdg(self.particles)).astype(np.int64)
