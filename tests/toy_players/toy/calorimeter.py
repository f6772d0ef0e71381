"""A calorimeter of its own: `docs/new_detector.md` builds it step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.catalogue import register
from zoo.detectors.detector import Column, Detector, DetectorConfig

COLUMNS = (
    Column("energy", "GeV", "total energy"),
    Column("x", "cm", "where it is aimed, along the rows"),
    Column("y", "cm", "where it is aimed, along the columns"),
)


@register("detector", "toy_calorimeter")
class ToyCalorimeterConfig(DetectorConfig):
    """Test beam calorimeter: 12x10 cells of 2 cm, beam along the axis."""

    def build(self) -> Detector:
        """Its constants."""
        shape = (12, 10)
        return Detector(
            name="toy_calorimeter",
            title="Toy calorimeter",
            shape=shape,
            pitch=(2.0, 2.0),
            face=300.0,
            columns=COLUMNS,
            aim=straight_on,
            readout=np.ones((1, *shape), dtype=bool),
            unit="electron",
            metrics=("positional", "wass_sum_values", {"name": "joint_wasserstein", "directions": 16}),
        )


def straight_on(detector: Detector, particles: Any) -> tuple[Any, Any]:
    """A beam along the axis meets the face where it is aimed."""
    return detector.column(particles, "x"), detector.column(particles, "y")
