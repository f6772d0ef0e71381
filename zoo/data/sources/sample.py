"""The GEANT sample that ships inside the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from zoo.catalogue import register
from zoo.data.archive import read_array
from zoo.data.events import Events, check_pair, check_particles, check_responses
from zoo.data.source import SourceConfig
from zoo.detectors.detector import Detector
from zoo.errors import DataError

SHIPPED = Path(__file__).parents[1] / "shipped"


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
        origin = f"sample/{name}"
        counts, particles = read_array(path, "responses"), read_array(path, "particles")
        check_responses(counts, detector, origin)
        check_particles(particles, detector, origin)
        check_pair(counts, particles, origin)
        return Events(counts, particles, origin)


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
