"""The GEANT sample that ships inside the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from zoo.catalogue import register
from zoo.data.archive import read_array
from zoo.data.events import Events, check_pair, check_particles, check_responses
from zoo.data.source import SourceConfig
from zoo.detectors.detector import Detector
from zoo.errors import DataError

if TYPE_CHECKING:
    from zoo.typing import Particles

SHIPPED = Path(__file__).parents[1] / "shipped"

ORIGIN = "sample/"
"""How the origin of shipped events begins; the name of their file follows."""


@register("source", "sample")
class SampleConfig(SourceConfig):
    """Real GEANT 3.21 responses shipped with the package (data card: zoo/data/shipped/DATASET.md)."""

    dataset: Annotated[str, Field(pattern="^[a-z0-9_]+$")] | None = None
    """Which one, for a detector with several: "ds1" (decaying particles, several showers) or "ds2" (single showers) of
    FoCal-H."""

    def read(self, detector: Detector) -> Events:
        """All shipped events of the detector.

        Raises:
            DataError: nothing is shipped for this detector, or nothing of this name.
        """
        name = detector.name if self.dataset is None else f"{detector.name}-{self.dataset}"
        path = SHIPPED / f"{name}.npz"
        if not path.exists():
            raise DataError(_missing(detector.name, self.dataset))
        origin = f"{ORIGIN}{name}"
        counts, particles = read_array(path, "responses"), read_array(path, "particles")
        check_responses(counts, detector, origin)
        check_particles(particles, detector, origin)
        check_pair(counts, particles, origin)
        return Events(counts, particles, origin)


def shipped_responses(origin: str, particles: Particles) -> list[Events] | None:
    """All shipped events of each of these particles.

    Args:
        origin: where they are from, as `Events.origin` says it.
        particles: condition columns (R, P) as they are in the file.

    Returns:
        The events of each particle; None where these are no shipped events, or not all of the particles are among them.
    """
    name = origin.removeprefix(ORIGIN)
    if not origin.startswith(ORIGIN) or name not in {file.stem for file in SHIPPED.glob("*.npz")}:
        return None
    counts, known = (read_array(SHIPPED / f"{name}.npz", key) for key in ("responses", "particles"))
    columns = known[:, : particles.shape[1]]
    found = [np.flatnonzero((columns == particle).all(axis=1)) for particle in particles]
    return [Events(counts[rows], known[rows], origin) for rows in found] if all(map(len, found)) else None


def _missing(detector: str, dataset: str | None) -> str:
    """What is shipped instead."""
    shipped = sorted(file.stem for file in SHIPPED.glob("*.npz"))
    several = [name.partition("-")[2] for name in shipped if name.startswith(f"{detector}-")]
    if several:
        asked = "none is named" if dataset is None else f"{dataset!r} is not one of them"
        return f"data: samples of {detector} are shipped as dataset = {' or '.join(map(repr, several))}; {asked}"
    if detector in shipped:
        return f"data: there is one sample of {detector}; leave out dataset = {dataset!r}"
    detectors = ", ".join(dict.fromkeys(name.partition("-")[0] for name in shipped))
    return f"data: no sample is shipped for {detector}; there is one for {detectors}"
