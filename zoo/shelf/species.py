"""Species of particles by name or PDG id, with what the Particle Data Group says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from zoo.errors import DataError
from zoo.recipe.suggestions import nearest

SPELLED_OUT: Mapping[str, int] = {
    "photon": 22,
    "electron": 11,
    "positron": -11,
    "muon": 13,
    "antimuon": -13,
    "proton": 2212,
    "antiproton": -2212,
    "neutron": 2112,
    "antineutron": -2112,
    "lambda": 3122,
    "antilambda": -3122,
    "k0s": 310,
    "k0l": 130,
    "deuteron": 1000010020,
    "triton": 1000010030,
    "alpha": 1000020040,
}
"""What people say, in lower case, where the tables have only symbols."""

NUCLEI = 1_000_000_000
"""PDG ids from here on are of nuclei."""


@dataclass(frozen=True)
class Species:
    """One kind of particle."""

    name: str
    pdg: int
    mass: float
    """GeV."""
    charge: float
    """e."""


def species(text: str) -> Species:
    """The species that a PDG id (`2112`), a symbol (`n`, `K(S)0`, `pi+`) or a common name (`neutron`) stands for.

    Raises:
        DataError: there is none, with the nearest names; or its mass or charge is not known.
    """
    from particle import InvalidParticle, Particle, ParticleNotFound

    known = _by_name()
    pdg = _whole(text) or known.get(text) or known.get(text.lower())
    try:
        if pdg is None:
            raise ParticleNotFound
        found = Particle.from_pdgid(pdg)
    except (ParticleNotFound, InvalidParticle):
        meant = nearest(text, known)
        advice = (
            f"; did you mean {' or '.join(meant)}?" if meant else "; give a PDG id, or a name such as neutron or pi+"
        )
        raise DataError(f"{text!r}: no such particle{advice}") from None
    if found.mass is None or found.charge is None:
        raise DataError(f"{text!r}: the {'mass' if found.mass is None else 'charge'} of {found.name} is not known")
    return Species(found.name, int(found.pdgid), found.mass / 1000.0, float(found.charge))


@cache
def _by_name() -> dict[str, int]:
    """Every name that is understood to its PDG id."""
    return dict(reversed(list(_names())))


def _names() -> Iterator[tuple[str, int]]:
    """Names with their PDG ids, what is meant in case of doubt first."""
    from particle import Particle

    yield from SPELLED_OUT.items()
    for each in Particle.all():
        if abs(each.pdgid) < NUCLEI:
            yield from ((name, int(each.pdgid)) for name in (each.name, each.programmatic_name))


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
