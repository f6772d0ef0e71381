"""A recipe in full: as TOML with every default written out, as a digest, and compared with another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import tomli_w

from zoo.recipe.places import Component, KeyPath, Place, Table, step
from zoo.recipe.problem import dotted
from zoo.recipe.schema import ONLY_STAGE, Recipe, RecipeFile, normalised


def plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain values with defaults, absent values left out, in the form in which a file writes it."""
    table = without_none(recipe.model_dump(mode="json"))
    stages = table.pop("stages")
    for stage in stages.values():
        if "train" in stage and not stage["train"]["players"]:
            del stage["train"]["players"]
    head = {key: table.pop(key) for key in ("detector", "seed", "compat", "data")}
    return {**head, **(stages[ONLY_STAGE] if list(stages) == [ONLY_STAGE] else {"stages": stages}), **table}


def resolved_toml(recipe: Recipe) -> str:
    """The recipe as TOML with every default written out; loading it gives an equal recipe."""
    return tomli_w.dumps(brief(plain(recipe)))


def brief(table: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's plain values, or some of them, in which a component without keys is written as its bare name."""
    return _brief(table, Table(RecipeFile))


def digest(recipe: Recipe) -> str:
    """SHA-256 (hex) of what the recipe says, whatever its key order and the spelling of its numbers.

    The order of the stages counts: they are trained in it. `compat` does not: what it stands for is written out.
    """
    table = normalised(plain(recipe))
    del table["compat"]
    table["stages"] = list(table["stages"].items())
    return hashlib.sha256(json.dumps(canonical(table), sort_keys=True, allow_nan=False).encode()).hexdigest()


def difference(old: Recipe, new: Recipe) -> list[tuple[str, Any, Any]]:
    """Every (key path, old value, new value) in which two recipes differ; None where a recipe lacks the key."""
    tables = [plain(old), plain(new)]
    if any("stages" in table for table in tables):
        tables = [normalised(table) for table in tables]
    before, after = (dict(leaves(table)) for table in tables)
    changed = [
        (dotted(path), before.get(path), after.get(path))
        for path in {**before, **after}
        if canonical(before.get(path)) != canonical(after.get(path))
    ]
    orders = [list(recipe.stages) for recipe in (old, new)]
    if orders[0] != orders[1] and set(orders[0]) == set(orders[1]):
        changed.append(("stages", orders[0], orders[1]))
    return changed


def leaves(table: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every (key path, value) that is no table; lists count as one value."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def without_none(value: Any) -> Any:
    """Plain values without the keys whose value is None: TOML has no null, an absent key says as much."""
    if isinstance(value, Mapping):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, list) else value


def _brief(value: Any, place: Place | None) -> Any:
    if isinstance(value, Mapping):
        if isinstance(place, Component) and list(value) == [place.key]:
            return value[place.key]
        return {key: _brief(item, step(place, key, value)) for key, item in value.items()}
    if isinstance(value, list):
        return [_brief(item, step(place, number, value)) for number, item in enumerate(value)]
    return value


def canonical(value: Any) -> Any:
    """Plain values in which equal numbers look alike: whole floats become integers."""
    if isinstance(value, Mapping):
        return {key: canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
