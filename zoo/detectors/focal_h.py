"""The hadronic part of the ALICE forward calorimeter."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.catalogue import register
from zoo.detectors.detector import Column, Detector, DetectorConfig

COLUMNS = (
    Column("energy", "GeV", "total energy"),
    Column("eta", "1", "pseudorapidity", usual=4.4),
    Column("phi", "rad", "azimuth, -pi to pi", usual=0.0),
)
"""Usual is the middle of the acceptance (`eta` 3.5 to 5.3, all `phi`) and the median of the shipped events."""

METRICS = (
    "wass_sum_values",
    "wass_sum_positions",
    "pixel_mae",
    {"name": "lpips", "brightest": 9.0},
    "positional",
    "total_wasserstein",
    "joint_wasserstein",
)
"""Those of the FoCal paper's tables; log(1 + 8,100 counts), a little above the brightest cell of the shipped sample, is
white."""


@register("detector", "focal_h")
class FoCalHConfig(DetectorConfig):
    """ALICE FoCal-H: 105x105 cells of 9 mm, 7 m from the interaction point."""

    def build(self) -> Detector:
        """The constants of the FoCal-H (grid of the published data, geometry of the shipped simulation).

        It has no readout channels of its own; the signal of all cells together stands for them.
        """
        shape = (105, 105)
        return Detector(
            name="focal_h",
            title="ALICE FoCal-H",
            shape=shape,
            pitch=(0.9, 0.9),
            face=700.0,
            columns=COLUMNS,
            aim=from_the_origin,
            readout=np.ones((1, *shape), dtype=bool),
            unit="count",
            metrics=METRICS,
        )


def from_the_origin(detector: Detector, particles: Any) -> tuple[Any, Any]:
    """From the interaction point at the given angles to the front face (schemes 10): (x, y), cm.

    The distance from the beam is face tan(theta) with theta = 2 atan(exp(-eta)), that is face / sinh(eta).
    """
    eta, phi = detector.column(particles, "eta"), detector.column(particles, "phi")
    namespace = eta.__array_namespace__()
    distance = detector.face / namespace.sinh(eta)
    return distance * namespace.cos(phi), distance * namespace.sin(phi)
