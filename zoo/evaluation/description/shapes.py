"""Shapes and dtypes: whether two arrays can be responses and particles of a detector at all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zoo.detectors.detector import Detector
from zoo.evaluation.description.finding import Finding, problem


def shape_findings(responses: np.ndarray, particles: np.ndarray, detector: Detector) -> list[Finding]:
    """What is wrong with the arrays before a value is looked at; nothing can be described if there is anything.

    Args:
        responses: meant to be (N, H, W) or channel sums (N, R).
        particles: meant to be (N, P), the PDG id being an optional last column.
        detector: what they are meant for.
    """
    found = [*_responses(responses, detector), *_particles(particles, detector)]
    if responses.ndim and particles.ndim and len(responses) != len(particles):
        found.append(
            problem(f"{len(responses):,} responses but {len(particles):,} particles; row i has to belong to row i")
        )
    elif 0 in responses.shape[:1]:
        found.append(problem("no events"))
    return found


def _responses(responses: np.ndarray, detector: Detector) -> Iterator[Finding]:
    shape, (rows, columns), channels = responses.shape, detector.shape, len(detector.readout)
    if shape[1:] not in (detector.shape, *([(channels,)] if channels else [])):
        sums = f", or (N, {channels}) for channel sums" if channels else ""
        yield problem(
            f"responses have shape {shape}; {detector.title} needs (N, {rows}, {columns}){sums}"
            f"{_advice(shape[1:], detector.shape)}"
        )
    if responses.dtype.kind not in "iuf":
        yield problem(f"responses have dtype {responses.dtype}; counts are integers or floats")


def _advice(event: tuple[int, ...], wanted: tuple[int, int]) -> str:
    """What may have happened to the shape of an event."""
    if tuple(size for size in event if size != 1) == wanted:
        return ": remove the axis of length 1"
    if event[::-1] == wanted:
        return ": rows and columns look exchanged"
    if event == (wanted[0] * wanted[1],):
        return ": the pixels have to keep their two axes"
    return ""


def _particles(particles: np.ndarray, detector: Detector) -> Iterator[Finding]:
    names = detector.column_names
    if particles.ndim != 2 or particles.shape[1] not in (len(names), len(names) + 1):
        given = particles.shape[1] if particles.ndim == 2 else 0
        missing = f"; in this order, these are missing: {', '.join(names[given:])}" if 0 < given < len(names) else ""
        yield problem(
            f"particles have shape {particles.shape}; {detector.title} needs (N, {len(names)}) with columns "
            f"{', '.join(names)}, or one more with the PDG id{missing}"
        )
    if particles.dtype.kind not in "iuf":
        yield problem(f"particles have dtype {particles.dtype}; their columns are numbers")
