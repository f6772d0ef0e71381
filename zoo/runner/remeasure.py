"""The metrics of a published model, measured again beside what its card says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoo.data.splits import split_events
from zoo.runner.assess import assess
from zoo.runner.observer import Observer
from zoo.runner.signals import StopRequest
from zoo.runner.streams import stream
from zoo.shelf.surrogate import Surrogate
from zoo.shelf.trained_on import own_events

SPREADS, SHARE = 4.0, 0.01
"""A mean may move by so many spreads between repeats, or by that share of itself, whichever is more: on the same
machine and versions it does not move at all, elsewhere by rounding; responses that are drawn anew move by less."""


@dataclass(frozen=True)
class Remeasured:
    """One metric."""

    name: str
    published: float
    now: float
    spread: float
    """Between the repeats, as published."""

    @property
    def agrees(self) -> bool:
        """Whether it is still the same number, within what chance and rounding explain."""
        return abs(self.now - self.published) <= max(SPREADS * self.spread, SHARE * abs(self.published))


def measured(surrogate: Surrogate, observer: Observer) -> dict[str, Any]:
    """Evaluate a published model as its run did: the test split of its own events, the same repeats and seed.

    Raises:
        ShelfError: the events are gone, or are others by now.
        Interrupted: a signal asked to stop.
    """
    recipe, data = surrogate.recipe, surrogate.about.get("data") or {}
    events = own_events(recipe, data.get("sha256"))
    test = events[split_events(events, recipe.data.split).test]
    key = stream(recipe.seed, "evaluation")
    found, _ = assess(surrogate.generator(), surrogate.detector, test, recipe.evaluate, key, observer, StopRequest())
    return found


def beside(published: Mapping[str, Any], now: Mapping[str, Any]) -> list[Remeasured]:
    """Every metric with a mean, as a card has it and as it is now."""
    return [
        Remeasured(name, value["mean"], now[name]["mean"], value.get("std", 0.0))
        for name, value in published.items()
        if "mean" in value and now.get(name) is not None
    ]
