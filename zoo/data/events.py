"""Events as the rest of the zoo sees them: responses and the particles that made them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo.detectors.detector import Detector
from zoo.errors import DataError

if TYPE_CHECKING:
    from zoo.typing import Counts, Particles


@dataclass(frozen=True, eq=False)
class Events:
    """Responses with their particles, row by row.

    `counts` keeps the integer dtype of the file (or the smallest that holds it), so that a full ALICE
    data set fits the host; it is turned into floating point batch by batch on the device.
    """

    counts: Counts
    particles: Particles
    """Condition columns in the detector's order, float64; the PDG id follows where the file had it."""
    origin: str
    """Where the events came from, for messages and cards."""

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, rows: np.ndarray | slice) -> Events:
        return Events(self.counts[rows], self.particles[rows], self.origin)


def check_responses(counts: np.ndarray, detector: Detector, origin: str) -> None:
    """Refuse responses that are not a stack of this detector's images of finite, non-negative counts.

    Raises:
        DataError: in one line, with the shape, dtype or first offending event.
    """
    if counts.ndim != 3 or counts.shape[1:] != detector.shape:
        wanted = ", ".join(str(size) for size in detector.shape)
        raise DataError(f"{origin}: responses have shape {counts.shape}; {detector.title} needs (N, {wanted})")
    if counts.dtype.kind not in "iuf":
        raise DataError(f"{origin}: responses have dtype {counts.dtype}; photon counts are integers or floats")
    chunk = max(1, 2**24 // max(1, counts[:1].size))
    for start in range(0, len(counts), chunk):
        part = counts[start : start + chunk]
        for bad, what in ((~np.isfinite(part), "NaN or infinite"), (part < 0, "negative")):
            if bad.any():
                event = int(np.argmax(bad.any(axis=(1, 2))))
                number = int(bad[event].sum())
                raise DataError(f"{origin}: event {start + event} has {what} counts ({number} such values)")


def check_particles(particles: np.ndarray, detector: Detector, origin: str) -> None:
    """Refuse particles that are not the detector's condition columns (with or without the PDG id).

    Raises:
        DataError: in one line, with the shape or the first offending event and column.
    """
    names = detector.column_names
    if particles.ndim != 2 or particles.shape[1] not in (len(names), len(names) + 1):
        raise DataError(
            f"{origin}: particles have shape {particles.shape}; {detector.title} needs (N, {len(names)}) with columns "
            f"{', '.join(names)}, or one more with the PDG id"
        )
    if particles.dtype.kind not in "iuf":
        raise DataError(f"{origin}: particles have dtype {particles.dtype}; condition columns are numbers")
    bad = ~np.isfinite(particles)
    if bad.any():
        event, column = np.argwhere(bad)[0]
        name = (*names, "pdg")[column]
        raise DataError(f"{origin}: event {event} has {particles[event, column]} in column {name}")


def check_pair(counts: np.ndarray, particles: np.ndarray, origin: str) -> None:
    """Refuse responses and particles of different length, or none at all.

    Raises:
        DataError: in one line, with both lengths.
    """
    if len(counts) != len(particles):
        raise DataError(f"{origin}: {len(counts)} responses but {len(particles)} particles; row i belongs to row i")
    if len(counts) == 0:
        raise DataError(f"{origin}: no events")
