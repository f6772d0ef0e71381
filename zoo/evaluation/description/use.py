"""What the recipes and the protocol can do with a data set: split, condition features, floor, diversity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
from jaxtyping import Float
from pydantic import ValidationError

from zoo.catalogue import components
from zoo.data.events import Events as Rows
from zoo.data.features.features import FeaturesConfig
from zoo.data.splits import Split, split_events
from zoo.detectors.detector import AnyArray, Detector
from zoo.errors import ZooError
from zoo.evaluation.description.finding import Finding, many, note, problem
from zoo.evaluation.groups import particle_groups
from zoo.evaluation.metrics.diversity import MINIMUM_EVENTS

SCARCE = 20
"""Particles or pairs below which a mean over them says little."""


def use_findings(events: Rows, detector: Detector) -> tuple[Split | None, list[Finding]]:
    """The default split where there is one, and what will not work.

    Args:
        events: checked ones; of channel sums the counts are (N, R).
        detector: of the events.
    """
    found = []
    if events.counts.ndim == 2:
        found.append(
            note("channel sums only: `zoo evaluate` takes them, recipes train on pixels; what needs pixels is left out")
        )
    try:
        split = split_events(events, "by-event")
    except ZooError as error:
        return None, [*found, problem(f"no default split: {error}")]
    try:
        split_events(events, "by-particle")
    except ZooError as error:
        found.append(note(f"data.split = by-particle cannot be used: {error}"))
    found += _conditions(events.particles[split.train], detector)
    found += _species(events.particles, split, detector)
    found += _repeats(events.particles[split.test])
    return split, found


class _NoColumnError(Exception):
    """Features ask for a column that particles of this detector never have; that is no fault of the data."""


class _Asked(Detector):
    """A detector that tells such features from others."""

    def column(self, particles: Float[AnyArray, "B P"], name: str) -> Float[AnyArray, " B"]:
        if name not in self.column_names:
            raise _NoColumnError(name)
        return super().column(particles, name)


def _conditions(train: Float[np.ndarray, "N P"], detector: Detector) -> Iterator[Finding]:
    """Fits every kind of condition features that the detector can have, with its defaults."""
    asked = _Asked(**{field.name: getattr(detector, field.name) for field in fields(detector)})
    for name, kind in components("features").items():
        try:
            config = kind()
        except ValidationError:
            continue
        assert isinstance(config, FeaturesConfig)
        try:
            config.fit(asked, train)
        except _NoColumnError:
            continue
        except ZooError as error:
            yield problem(f"condition = {name}: {error}")


def _species(particles: Float[np.ndarray, "N P"], split: Split, detector: Detector) -> Iterator[Finding]:
    if particles.shape[1] == len(detector.columns):
        return
    pdg = detector.pdg(particles)
    unknown = np.setdiff1d(pdg, pdg[split.train])
    if len(unknown):
        named = ", ".join(f"{value:g}" for value in unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        yield note(
            f"species that the default split never trains on: PDG {named}; an embedding of particle types gives them "
            "the mean of the others"
        )


def _repeats(test: Float[np.ndarray, "E P"]) -> Iterator[Finding]:
    repeats = np.bincount(particle_groups(test))
    pairs, diverse = int((repeats // 2).sum()), int((repeats >= MINIMUM_EVENTS).sum())
    halves = int((repeats >= 2 * MINIMUM_EVENTS).sum())
    if pairs == 0:
        yield note("no particle occurs twice in the test split: there is no noise floor to compare a model with")
    elif pairs < SCARCE:
        yield note(
            f"only {many(pairs, 'pair')} of responses to the same particle in the test split: the noise floor is rough"
        )
    if diverse < SCARCE:
        yield note(
            f"{many(diverse, 'particle')} with {MINIMUM_EVENTS} responses or more in the test split: the diversity of "
            f"a model {'cannot be judged' if not diverse else 'is judged by so few'}"
        )
    elif halves < SCARCE:
        yield note(
            f"{many(halves, 'particle')} with {2 * MINIMUM_EVENTS} responses or more in the test split: the floor of "
            f"the diversity {'cannot be had' if not halves else 'is rough'}"
        )
