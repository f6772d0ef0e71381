"""What models make of the same particles, below GEANT's own responses to them: figure 3 of the FoCal paper.

Every model of the shelf was tried with a few test particles when it was published, and what it made of them is kept
beside it; those of models that learned from the same events are the same. So no model has to run for the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from zoo.data.archive import read_array
from zoo.data.events import Events
from zoo.data.sources.sample import shipped_responses
from zoo.errors import DataError
from zoo.report.gallery.entry import Entry
from zoo.report.gallery.groups import Group
from zoo.report.gallery.kept import kept
from zoo.report.gallery.pixels import address
from zoo.report.particles import WORDS, energy

MODELS = 8
"""Rows of models, at most."""

SIMULATED = 2
"""Rows of GEANT's, at most: where a particle was simulated more than once, how much its responses differ is seen."""

FAINTEST = 10.0
"""Counts at the end of a colour scale, at least."""


@dataclass(frozen=True)
class Shot:
    """A response to a particle."""

    picture: str
    """Address of the picture, which holds all of it."""
    total: float


@dataclass(frozen=True)
class Tried:
    """Responses to the same particles, a column for each of these."""

    particles: Sequence[str]
    simulated: Sequence[Sequence[Shot]]
    """GEANT's, one row or two."""
    generated: Sequence[tuple[Entry, Sequence[Shot]]]
    """A row per model, the closest to GEANT first."""
    others: int
    """Models of whole responses that have no row: further away, or tried with other particles."""


def tried(group: Group) -> Tried | None:
    """The rows of a leaderboard; None where no model has kept any, or GEANT's responses are not shipped."""
    whole = [entry for entry in group.entries if entry.whole and entry.converged]
    samples = [(entry, sample) for entry in whole if (sample := _sample(entry)) is not None]
    if not samples:
        return None
    first, (particles, _) = samples[0]
    events = shipped_responses(group.origin, particles)
    if events is None:
        return None
    repeats = min(SIMULATED, *map(len, events))
    truth = np.stack([event.counts[:repeats] for event in events], axis=1).astype(np.float64)
    brightest = np.maximum(truth.max(axis=(0, 2, 3)), FAINTEST)
    alike = [(entry, made) for entry, (given, made) in samples if np.array_equal(given, particles)][:MODELS]
    return Tried(
        [_words(first, event) for event in events],
        [_shots(responses, brightest) for responses in truth],
        [(entry, _shots(made, brightest)) for entry, made in alike],
        len(whole) - len(alike),
    )


def _sample(entry: Entry) -> tuple[Float[np.ndarray, "R P"], Float[np.ndarray, "R H W"]] | None:
    """The particles that a model was tried with, and its responses; None where the file is not as it was published."""
    path = kept(entry.card, entry.card.text("reference", "file") or "").path
    if path is None:
        return None
    try:
        return read_array(path, "particles"), read_array(path, "responses")
    except DataError:
        return None


def _words(entry: Entry, events: Events) -> str:
    """A particle as `neutron 1.24 TeV`, as far as the columns tell."""
    columns, particle = list(entry.ranges), events.particles[0]
    words = [WORDS.get(pdg := int(particle[len(columns)]), f"PDG {pdg}")] if len(particle) > len(columns) else []
    if "energy" in columns:
        words.append(energy(float(particle[columns.index("energy")])))
    return " ".join(words)


def _shots(responses: Float[np.ndarray, "R H W"], brightest: Float[np.ndarray, " R"]) -> list[Shot]:
    return [
        Shot(address(response, float(end)), float(response.sum(dtype=np.float64)))
        for response, end in zip(responses, brightest, strict=True)
    ]
