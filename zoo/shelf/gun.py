"""Particles of one kind, aimed at a detector: what simulations call a particle gun."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from zoo.detectors.detector import Detector
from zoo.errors import DataError
from zoo.shelf.species import Species
from zoo.typing import Particles


def shot(detector: Detector, energy: float, species: Species | None, given: Mapping[str, float]) -> Particles:
    """One particle in the columns of a detector, (1, P).

    Mass and charge are those of the species, `pz` follows from energy, mass and the other momenta, and what is not
    given is as usual for the detector.

    Args:
        detector: what it flies at.
        energy: total energy, GeV.
        species: for detectors whose particles have a mass and a charge, and only for them.
        given: further columns by name.

    Raises:
        DataError: something is missing or does not apply, or there is no such particle; one line.
    """
    columns = {column.name: column for column in detector.columns}
    for name in given:
        if name not in columns:
            raise DataError(f"--{name}: {detector.title} has no such column; there are {', '.join(columns)}")
    kinds = {} if species is None else {"mass": species.mass, "charge": species.charge}
    if ("mass" in columns) != bool(kinds):
        needs = "needs a species: give --pdg" if "mass" in columns else "knows no species: leave out --pdg"
        raise DataError(f"{detector.title} {needs}")
    usual = {name: column.usual for name, column in columns.items() if column.usual is not None}
    values = {**usual, **kinds, **given, "energy": energy}
    if "pz" in columns:
        values["pz"] = _along_the_beam(values)
    missing = [name for name in columns if name not in values]
    if missing:
        raise DataError(f"{detector.title} needs --{missing[0]}")
    return np.array([[values[name] for name in columns]], np.float64)


def _along_the_beam(values: Mapping[str, float]) -> float:
    """The momentum that is left for the direction of the beam."""
    energy, mass = values["energy"], values["mass"]
    if not energy > mass:
        raise DataError(f"--energy {energy:g}: the total energy has to be above the mass, {mass:g} GeV")
    square = energy**2 - mass**2 - values["px"] ** 2 - values["py"] ** 2
    if not square > 0:
        raise DataError(f"--energy {energy:g}: less than what the momentum across the beam takes")
    return math.sqrt(square)
