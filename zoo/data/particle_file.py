"""Particles from a file of their own: `.npz`, `.npy` or `.csv`."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import numpy as np

from zoo.data.events import check_particles
from zoo.data.sources.npz import read_particles
from zoo.detectors.detector import Detector
from zoo.errors import DataError
from zoo.typing import Particles

PDG = "pdg"
"""The one further column that may follow those of the detector."""


def read_particle_file(path: Path, detector: Detector) -> Particles:
    """Particles as float64 in the detector's columns, with the PDG id last where the file has it.

    A CSV file has one particle per line. Where its first line is one of names, columns are found by them, in any order
    and among others; else they are taken in the detector's order.

    Raises:
        DataError: the file is missing, damaged, or holds other columns; one line.
    """
    if path.suffix.lower() != ".csv":
        return read_particles(path, detector)
    particles = _read_csv(path, detector)
    check_particles(particles, detector, str(path))
    return particles


def _read_csv(path: Path, detector: Detector) -> np.ndarray:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            names = [name.strip().lower() for name in next(csv.reader(stream), [])]
        if not names:
            raise DataError(f"{path}: the file is empty")
        header = not all(map(_is_number, names))
        columns = _wanted(names, path, detector) if header else None
        with path.open(encoding="utf-8-sig") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that there are no data; it is said below
            found = np.loadtxt(stream, np.float64, delimiter=",", skiprows=int(header), usecols=columns, ndmin=2)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path}: not readable as particles ({' '.join(str(error).split())})") from error
    if not len(found):
        raise DataError(f"{path}: no particles")
    return found


def _wanted(names: list[str], path: Path, detector: Detector) -> list[int]:
    """Where the detector's columns, and the PDG id if there is one, stand in the file."""
    missing = [name for name in detector.column_names if name not in names]
    if missing:
        raise DataError(f"{path}: has no column {missing[0]!r}; its first line names {', '.join(names)}")
    return [names.index(name) for name in (*detector.column_names, PDG) if name in names]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
