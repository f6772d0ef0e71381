"""Values of particles: columns that do not vary, do not belong together, or are in another unit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

from zoo.detectors.detector import Detector
from zoo.evaluation.description.finding import REFUSED, Finding, note, problem, share

SPECIES = 21
"""Species that the embedding of particle types has room for unless a recipe says otherwise."""

TOLERANCE = 1e-3
"""Of E^2 = p^2 + m^2, relative to E^2; columns in float32 keep well within it."""

MOST = 0.01
"""Share of events from which on something is wrong with the columns and not with single events."""


def finite(particles: Float[np.ndarray, "N P"], detector: Detector) -> tuple[Bool[np.ndarray, " N"], list[Finding]]:
    """Events whose particle has a finite value in every column, and what is wrong with the others."""
    good = np.isfinite(particles)
    found = [
        problem(
            f"column {name}: {share(int((~good[:, column]).sum()), len(particles))} are not finite, the first is event "
            f"{int(np.argmin(good[:, column]))}; {REFUSED}"
        )
        for column, name in enumerate((*detector.column_names, "pdg")[: particles.shape[1]])
        if not good[:, column].all()
    ]
    return np.asarray(good.all(axis=1)), found


def particle_findings(particles: Float[np.ndarray, "N P"], detector: Detector) -> Iterator[Finding]:
    """What is unusual about finite particles."""
    yield from _pdg(particles, detector)
    if {"energy", "px", "py", "pz", "mass"} <= set(detector.column_names):
        yield from _kinematics(particles, detector)
    yield from _aim(particles, detector)


def _pdg(particles: Float[np.ndarray, "N P"], detector: Detector) -> Iterator[Finding]:
    if particles.shape[1] == len(detector.columns):
        yield note("no PDG ids: no table of species, and recipes with the embedding particle_type cannot use the data")
        return
    pdg = detector.pdg(particles)
    broken = int((pdg != np.rint(pdg)).sum())
    if broken:
        yield problem(f"column pdg: {share(broken, len(pdg))} hold no whole number; is it the PDG id?")
        return
    species = len(np.unique(pdg))
    if species > SPECIES:
        yield problem(
            f"{species} species; the embedding particle_type has room for {SPECIES} unless its key classes is raised"
        )


def _kinematics(particles: Float[np.ndarray, "N P"], detector: Detector) -> Iterator[Finding]:
    """E^2 = p^2 + m^2 tells units that are mixed up."""
    energy, px, py, pz, mass = (detector.column(particles, name) for name in ("energy", "px", "py", "pz", "mass"))
    squared, momentum = energy**2, px**2 + py**2 + pz**2

    def off(m: Float[np.ndarray, " N"]) -> int:
        return int((np.abs(squared - momentum - m**2) > TOLERANCE * squared).sum())

    wrong = off(mass)
    if wrong <= MOST * len(particles):
        return
    units = ": masses look like MeV" if off(mass / 1000) <= MOST * len(particles) else ""
    units = ": energies look kinetic" if int(_kinetic(energy, momentum, mass)) > (1 - MOST) * len(particles) else units
    yield note(
        f"energy, momentum and mass do not belong together (E^2 = p^2 + m^2) in {share(wrong, len(particles))}{units}"
        "; the zoo expects GeV and total energies"
    )


def _kinetic(energy: Float[np.ndarray, " N"], momentum: Float[np.ndarray, " N"], mass: Float[np.ndarray, " N"]) -> int:
    """Events whose energy plus mass is the total energy."""
    total = (energy + mass) ** 2
    return int((np.abs(total - momentum - mass**2) <= TOLERANCE * total).sum())


def _aim(particles: Float[np.ndarray, "N P"], detector: Detector) -> Iterator[Finding]:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        impact = detector.impact(particles)
    beyond = ((impact < -0.5) | (impact > np.asarray(detector.shape) - 0.5)).any(axis=1)
    beyond &= np.isfinite(impact).all(axis=1)
    if beyond.mean() > MOST:
        yield note(
            f"{share(int(beyond.sum()), len(particles))} aim beside the front face of {detector.title}; impact maps "
            "and features of the impact point presume a straight flight, lengths in cm and the declared geometry"
        )
    if "pz" not in detector.column_names:
        return
    backward = int((detector.column(particles, "pz") < 0).sum())
    if backward and backward < len(particles):
        yield note(
            f"{share(backward, len(particles))} fly backwards (pz < 0); they are taken for those of a mirrored face"
        )
