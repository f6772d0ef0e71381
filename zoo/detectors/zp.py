"""The ALICE proton zero degree calorimeter."""

from __future__ import annotations

from zoo.catalogue import register
from zoo.detectors.detector import Detector, DetectorConfig
from zoo.detectors.zdc import COLUMNS, along_momentum, checkerboard_readout


@register("detector", "zp")
class ZPConfig(DetectorConfig):
    """ALICE proton zero degree calorimeter: 56x30 quartz fibres in brass, pitch 4 mm."""

    def build(self) -> Detector:
        """The constants of the ZP (fibre grid of the published data, geometry of the shipped simulation)."""
        shape = (56, 30)
        return Detector(
            name="zp",
            title="ALICE ZP",
            shape=shape,
            pitch=(0.4, 0.4),
            face=11_250.0,
            columns=COLUMNS,
            aim=along_momentum,
            readout=checkerboard_readout(*shape),
        )
