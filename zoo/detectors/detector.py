"""What every calorimeter of the zoo declares."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float

from zoo.catalogue import Config
from zoo.errors import DataError

if TYPE_CHECKING:
    from jaxtyping import Array

AnyArray = TypeVar("AnyArray", "Array", np.ndarray)
"""Of the host or of the device."""


@dataclass(frozen=True)
class Column:
    """One column of a particle file."""

    name: str
    unit: str
    meaning: str
    usual: float | None = None
    """What a particle has that is not said to have anything else; None where there is no such value."""


@dataclass(frozen=True)
class Detector:
    """Geometry and conventions of one calorimeter.

    The response axes are (row, column) = (x, y), both rising; pixel centres lie at integer indices.
    """

    name: str
    title: str
    shape: tuple[int, int]
    """Rows and columns of a response."""
    pitch: tuple[float, float]
    """Distance of neighbouring rows and columns, cm."""
    face: float
    """Distance of the front face from the interaction point along the beam, cm."""
    columns: tuple[Column, ...]
    """The condition columns of a particle file, in order; one more (the PDG id) may follow."""
    aim: Callable[[Detector, Any], tuple[Any, Any]]
    """Where the straight line of each particle (B, P) meets the plane of the front face: (x, y), cm from the beam."""
    readout: Bool[np.ndarray, "R H W"] = field(compare=False, repr=False)
    """The pixels summed by each readout channel; the channels are disjoint and cover the detector."""
    unit: str = "photon"
    """What responses are counted in, singular."""
    metrics: tuple[str | Mapping[str, Any], ...] = field(default=(), compare=False, repr=False)
    """Metrics of recipes that list none, as a recipe would write them."""

    @property
    def units(self) -> str:
        """What responses are counted in, plural."""
        return f"{self.unit}s"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the condition columns."""
        return tuple(column.name for column in self.columns)

    def column(self, particles: Float[AnyArray, "B P"], name: str) -> Float[AnyArray, " B"]:
        """One named column of particles given in the detector's order.

        Raises:
            DataError: the detector's particles have no such column.
        """
        if name not in self.column_names:
            raise DataError(f"{self.title} has no particle column {name!r}; there are {', '.join(self.column_names)}")
        return particles[:, self.column_names.index(name)]

    def pdg(self, particles: Float[AnyArray, "B P"]) -> Float[AnyArray, " B"]:
        """The PDG ids.

        Raises:
            DataError: the particles come without them.
        """
        columns = len(self.columns)
        if particles.shape[1] == columns:
            raise DataError(f"particles without PDG id: it has to follow the {columns} condition columns")
        return particles[:, columns]

    def impact(self, particles: Float[AnyArray, "B P"]) -> Float[AnyArray, "B 2"]:
        """Where the straight line of each particle meets the front face, in (row, column) pixel coordinates.

        Works on NumPy and JAX arrays alike. A point beside the detector has coordinates outside its pixels.
        """
        x, y = self.aim(self, particles)
        rows, columns = self.shape
        row = x / self.pitch[0] + (rows - 1) / 2
        col = y / self.pitch[1] + (columns - 1) / 2
        namespace = row.__array_namespace__()
        return namespace.stack([row, col], axis=-1)


class DetectorConfig(Config):
    """Config of a detector: `detector = "zn"`."""

    @abstractmethod
    def build(self) -> Detector:
        """The detector's constants."""
