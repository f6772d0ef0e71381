"""What decides the weights of a stage, as a digest: two stages of one digest are the same training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from zoo import __version__
from zoo.catalogue import sampling_only
from zoo.recipe.places import Component, Place, Table, step
from zoo.recipe.resolved import canonical, plain
from zoo.recipe.schema import Recipe, Stage, normalised

EXECUTION = ("checkpoint_seconds", "time_share")
"""Keys of `[train]` that say how a training is carried out."""


def stage_digest(recipe: Recipe, name: str, events: str) -> str:
    """SHA-256 (hex) of everything that has a say in the weights of a stage.

    That is the detector, the seed, the events and their split, all earlier stages, and the stage's own model and
    training. Keys that only decide how the trained stage generates do not count, unless the weights are chosen by what
    it generates (`keep = "best"`).

    Args:
        recipe: the experiment.
        name: the stage.
        events: SHA-256 of the events.
    """
    table = normalised(plain(recipe))
    stages = {}
    for each, stage in table["stages"].items():
        stages[each] = dict(stage)
        if "train" in stage:
            stages[each]["train"] = {key: value for key, value in stage["train"].items() if key not in EXECUTION}
        if each == name:
            break
    if recipe.stages[name].keep == "last":
        stages[name] = _without_sampling(Table(Stage), stages[name])
    document = {
        "version": __version__,
        "detector": table["detector"],
        "seed": recipe.seed,
        "split": recipe.data.split,
        "events": events,
        "stages": list(stages.items()),
    }
    return hashlib.sha256(json.dumps(canonical(document), sort_keys=True, allow_nan=False).encode()).hexdigest()


def _without_sampling(place: Place | None, value: Any) -> Any:
    """Plain values without the keys that only decide how a trained model generates."""
    if isinstance(value, list):
        return [_without_sampling(step(place, number, value), item) for number, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    table = place.table(value) if isinstance(place, Component) else place
    fields = table.config.model_fields if isinstance(table, Table) else {}
    return {
        key: _without_sampling(step(place, key, value), item)
        for key, item in value.items()
        if key not in fields or not sampling_only(fields[key])
    }
