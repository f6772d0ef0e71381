"""Pairs of `.npz` files in the layout of the published code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, PlainSerializer

from zoo.catalogue import register
from zoo.data.archive import read_array
from zoo.data.events import Events, check_pair, check_particles, check_responses
from zoo.data.source import SourceConfig
from zoo.data.unchecked import Unchecked
from zoo.detectors.detector import Detector
from zoo.errors import DataError


def _absolute(value: object) -> object:
    return Path(value).expanduser().absolute() if isinstance(value, str) and value else value


AbsolutePath = Annotated[Path, BeforeValidator(_absolute), PlainSerializer(str)]
"""A path; relative ones are taken from the working directory and written out absolute."""


@register("source", "npz")
class NpzConfig(SourceConfig):
    """Your own events: responses (N, rows, columns) and particles (N, 9 or 10), both under the key `arr_0`."""

    path: AbsolutePath | None = None
    """Folder with `data_nonrandom_responses.npz` and `data_nonrandom_particles.npz` (the published names), with
    `<detector>_responses.npz` and `<detector>_particles.npz`, or with one such pair of any other prefix."""
    responses: AbsolutePath | None = None
    """The responses file, instead of looking for it in `path`."""
    particles: AbsolutePath | None = None
    """The particles file, instead of looking for it in `path`."""
    vertex_unit: Literal["cm", "m"] = "cm"
    """Unit of the vertex columns in the file; the zoo works in cm."""

    def read(self, detector: Detector) -> Events:
        """All events of the two files; responses of any integer or float dtype.

        Raises:
            DataError: a file is missing, damaged, of the wrong shape, or the two do not belong together.
        """
        responses, particles = self.files(detector)
        columns = read_particles(particles, detector, self.vertex_unit)
        counts = read_responses(responses, detector)
        check_pair(counts, columns, str(responses))
        return Events(counts, columns, str(responses))

    def unchecked(self, detector: Detector) -> Unchecked:
        """The arrays of the two files, whatever they hold; the vertex in cm where the columns can be told."""
        responses, particles = self.files(detector)
        columns = read_array(particles)
        if columns.ndim == 2 and columns.shape[1] >= len(detector.columns) and columns.dtype.kind in "iuf":
            columns = in_cm(columns.astype(np.float64), detector, self.vertex_unit)
        return Unchecked(read_array(responses), columns, str(responses)).first(self.limit)

    def files(self, detector: Detector) -> tuple[Path, Path]:
        """The files of responses and particles.

        Raises:
            DataError: none are named, or the folder holds no pair, or several.
        """
        return self.responses or self._found("responses", detector), self.particles or self._found(
            "particles", detector
        )

    def _found(self, kind: Literal["responses", "particles"], detector: Detector) -> Path:
        """The file of this kind in `path`; where both are looked for, they are of the same pair."""
        if self.path is None:
            raise DataError(f"data: source 'npz' needs data.path (a folder) or data.{kind} (a file)")
        if not self.path.is_dir():
            raise DataError(f"data.path = {str(self.path)!r}: no such folder")
        wanted = ("responses", "particles") if self.responses is None and self.particles is None else (kind,)
        there = {other: _prefixes(self.path, other) for other in wanted}
        prefixes = set.intersection(*there.values())
        for prefix in ("data_nonrandom", detector.name, *(prefixes if len(prefixes) == 1 else ())):
            if prefix in prefixes:
                return self.path / f"{prefix}_{kind}.npz"
        found = ", ".join(sorted(f"{prefix}_{other}.npz" for other in wanted for prefix in there[other])) or "none"
        needed = " with ".join(f"*_{other}.npz" for other in wanted)
        raise DataError(
            f"data.path = {str(self.path)!r}: needs {needed}, where * is data_nonrandom, {detector.name} or the only "
            f"one; found {found}"
        )


def _prefixes(folder: Path, kind: str) -> set[str]:
    return {file.name.removesuffix(f"_{kind}.npz") for file in folder.glob(f"*_{kind}.npz")}


def read_responses(path: Path, detector: Detector) -> np.ndarray:
    """Checked responses of one file; see `read_array` for the dtype."""
    counts = read_array(path)
    check_responses(counts, detector, str(path))
    return counts


def read_particles(path: Path, detector: Detector, vertex_unit: Literal["cm", "m"] = "cm") -> np.ndarray:
    """Checked particles of one file as float64, vertex in cm."""
    particles = read_array(path)
    check_particles(particles, detector, str(path))
    return in_cm(particles.astype(np.float64), detector, vertex_unit)


def in_cm(particles: np.ndarray, detector: Detector, vertex_unit: Literal["cm", "m"]) -> np.ndarray:
    """Particles as float64 (changed in place) with the vertex in cm."""
    if vertex_unit == "m":
        particles[:, [detector.column_names.index(name) for name in ("vx", "vy", "vz")]] *= 100.0
    return particles
