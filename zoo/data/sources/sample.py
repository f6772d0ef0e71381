"""The GEANT sample that ships inside the package."""

from __future__ import annotations

from pathlib import Path

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

    def read(self, detector: Detector) -> Events:
        """All shipped events of the detector.

        Raises:
            DataError: nothing is shipped for this detector.
        """
        path = SHIPPED / f"{detector.name}.npz"
        if not path.exists():
            shipped = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.npz")))
            raise DataError(f"data: no sample is shipped for {detector.name}; there is one for {shipped}")
        origin = f"sample/{detector.name}"
        counts, particles = read_array(path, "responses"), read_array(path, "particles")
        check_responses(counts, detector, origin)
        check_particles(particles, detector, origin)
        check_pair(counts, particles, origin)
        return Events(counts, particles, origin)
