"""Particles whose straight line does not meet the front face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from zoo.data.events import Events
from zoo.detectors.detector import Detector

if TYPE_CHECKING:
    from zoo.typing import Particles


def misses(particles: Particles, detector: Detector) -> Bool[np.ndarray, " N"]:
    """Whether the line of each particle goes past the face, or never meets its plane."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        impact = detector.impact(np.asarray(particles, np.float64))
    inside = (impact >= -0.5) & (impact <= np.asarray(detector.shape) - 0.5)
    return np.logical_not(np.asarray(inside.all(axis=1)))


def missing_line(events: Events, detector: Detector) -> str | None:
    """How many particles miss the face, and the first of them, in one line; None if all hit it."""
    past = misses(events.particles, detector)
    if not past.any():
        return None
    first = int(np.argmax(past))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        row, column = detector.impact(np.asarray(events.particles[first : first + 1], np.float64))[0]
    rows, columns = detector.shape
    return (
        f"{events.origin}: {past.sum():,} of {len(past):,} particles miss the front face of {detector.title}; the "
        f"first is that of event {first}, aimed at row {row:.1f}, column {column:.1f} of {rows} x {columns}"
    )
