"""What the two zero degree calorimeters share: particle columns and the five photomultiplier channels."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool

from zoo.detectors.detector import Column, Detector

COLUMNS = (
    Column("energy", "GeV", "total energy"),
    Column("vx", "cm", "primary vertex, horizontal", usual=0.0),
    Column("vy", "cm", "primary vertex, vertical", usual=0.0),
    Column("vz", "cm", "primary vertex along the beam", usual=0.0),
    Column("px", "GeV", "momentum, horizontal", usual=0.0),
    Column("py", "GeV", "momentum, vertical", usual=0.0),
    Column("pz", "GeV", "momentum along the beam"),
    Column("mass", "GeV", "rest mass"),
    Column("charge", "e", "electric charge"),
)
"""The nine condition columns in the published order; files may carry the PDG id as a tenth.

Usual is a particle along the beam from the interaction point: all these columns of the shipped events are symmetric
about zero, with medians well within a tenth of their spread (of `vz`, a third).
"""


def checkerboard_readout(rows: int, columns: int) -> Bool[np.ndarray, "5 H W"]:
    """The five channels of a ZDC (FM paper, section 2): four quadrants on the even fibres, all odd fibres together.

    Channels 1-4 sum the pixels with (row + column) even in the upper left, upper right, lower left and
    lower right quadrant (row < rows // 2 is upper, column < columns // 2 is left); channel 5 sums the
    pixels with (row + column) odd.
    """
    row, column = np.indices((rows, columns))
    even = (row + column) % 2 == 0
    upper, left = row < rows // 2, column < columns // 2
    return np.stack([even & upper & left, even & upper & ~left, even & ~upper & left, even & ~upper & ~left, ~even])


def along_momentum(detector: Detector, particles: Any) -> tuple[Any, Any]:
    """From the vertex along the momentum to the front face: (x, y), cm.

    A particle that flies the other way (`pz < 0`) meets the mirror face at `-face`; one with `pz = 0` has no finite
    impact point.
    """
    vx, vy, vz, px, py, pz = (detector.column(particles, name) for name in ("vx", "vy", "vz", "px", "py", "pz"))
    forward = 1.0 - 2.0 * (pz < 0)
    path = (forward * detector.face - vz) / pz
    return vx + path * px, vy + path * py
