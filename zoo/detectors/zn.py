"""The ALICE neutron zero degree calorimeter."""

from __future__ import annotations

from zoo.catalogue import register
from zoo.detectors.detector import Detector, DetectorConfig
from zoo.detectors.zdc import COLUMNS, along_momentum, checkerboard_readout


@register("detector", "zn")
class ZNConfig(DetectorConfig):
    """ALICE neutron zero degree calorimeter: 44x44 quartz fibres in tungsten, pitch 1.6 mm."""

    def build(self) -> Detector:
        """The constants of the ZN (fibre grid of the published data, geometry of the shipped simulation)."""
        shape = (44, 44)
        return Detector(
            name="zn",
            title="ALICE ZN",
            shape=shape,
            pitch=(0.16, 0.16),
            face=11_250.0,
            columns=COLUMNS,
            aim=along_momentum,
            readout=checkerboard_readout(*shape),
        )
