"""What a card tells of the events behind a model: how far its training reached, and particles to try it with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data.digest import data_digest
from zoo.data.events import Events
from zoo.data.splits import split_events
from zoo.errors import DataError, ShelfError
from zoo.recipe.schema import Recipe
from zoo.typing import Particles

TRIED = 8
"""Particles of the test split that a model is tried with."""


@dataclass(frozen=True, eq=False)
class TrainedOn:
    """Drawn from the events of a model's recipe."""

    ranges: dict[str, list[float]]
    """Condition column to [least, greatest] value among the training events."""
    tried: Particles
    """Condition columns (R, P) of test events, spread evenly over the range of the first column."""


def own_events(recipe: Recipe, sha256: str | None) -> Events:
    """The events of a recipe, before they are split; see `trained_on`."""
    try:
        events = recipe.data.events(recipe.detector.build())
    except DataError as error:
        raise ShelfError(f"the events that the model was trained on are needed: {error}") from error
    if sha256 not in (None, data_digest(events)):
        raise ShelfError(f"{events.origin}: these are not the events that the model was trained on any more")
    return events


def trained_on(recipe: Recipe, sha256: str | None) -> TrainedOn:
    """Read the events of a recipe.

    Args:
        recipe: what the model was trained by.
        sha256: of the events it was trained on, as `data_digest` gives it; not asked for where absent.

    Raises:
        ShelfError: the events are gone, or are others by now.
    """
    detector, events = recipe.detector.build(), own_events(recipe, sha256)
    split = split_events(events, recipe.data.split)
    columns = events.particles[:, : len(detector.columns)]
    train, test = columns[split.train], columns[split.test]
    order = np.argsort(test[:, 0], kind="stable")
    places = np.linspace(0, len(test) - 1, min(TRIED, len(test))).round().astype(int)
    ranges = {
        name: [float(values.min()), float(values.max())]
        for name, values in zip(detector.column_names, train.T, strict=True)
    }
    return TrainedOn(ranges, test[order[places]])
