"""A key that nothing asks for: what is valid in its table, and where it may have been meant to stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zoo.recipe.phrases import alternatives
from zoo.recipe.places import Component, KeyPath, Many, Place, Table, Value, at, below, children
from zoo.recipe.problem import Problem, dotted
from zoo.recipe.schema import ONLY_STAGE, STAGE_TABLES, Recipe, as_written, normalised
from zoo.recipe.suggestions import nearest, similarity

_CLOSE = 0.75
"""Similarity from which a key of the same table is preferred to a better match elsewhere."""

_BOTH_FORMS = "a recipe writes either [model] and [train], or [stages.NAME.model] and [stages.NAME.train], not both"


def unknown_key(path: KeyPath, written: Mapping[str, Any]) -> Problem:
    """The problem of an unknown key.

    Args:
        path: the key in the normalised table.
        written: the table of the recipe, stages in either form.
    """
    table = normalised(written)
    parent, key = path[:-1], path[-1]
    place, value = at(Table(Recipe), table, parent)
    if not parent and key in STAGE_TABLES:
        stages = [dotted(("stages", name, key)) for name in table["stages"] or ("NAME",)]
        return Problem(path, f"{_BOTH_FORMS}; did you mean {alternatives(stages[:3])}?", about_key=True)
    within = place.table(value) if isinstance(place, Component) else place
    valid = list(children(within)) if isinstance(within, Table) else []
    if isinstance(place, Component) and isinstance(within, Table):
        owner = f"{place.slot.kind} {within.config.component}"
    elif parent:
        owner = f"[{dotted(as_written(parent, written))}]"
    else:
        owner = "a recipe"
        forms = ("stages",) if "stages" in written else STAGE_TABLES
        valid = [*(name for name in valid if name != "stages"), *forms, "extends", "sweep"]
    text = f"unknown key; {owner} has {', '.join(valid) if valid else 'no keys'}"
    text += _advice(path, valid, place, value, written)
    return Problem(as_written(path, written), text, below(value, key), about_key=True)


def _advice(path: KeyPath, valid: list[str], place: Place | None, value: Any, written: Mapping[str, Any]) -> str:
    key = str(path[-1])
    near = [(*path[:-1], name) for name in nearest(key, valid, 1)]
    if near and similarity(key, str(near[0][-1])) >= _CLOSE:
        return _meant(near, written)
    owners = _owners(key, place, value)
    if owners:
        return f"; it is a key of {alternatives(owners)}, which must be named to use it"
    known = list(_suitable(below(value, key), written))
    elsewhere = [other for other in known if other[-1] == key] or near
    if not elsewhere:
        alike = nearest(key, {str(other[-1]) for other in known}, 1)
        elsewhere = [other for other in known if other[-1] in alike and similarity(key, str(other[-1])) >= _CLOSE]
    return _meant(elsewhere, written)


def _meant(paths: list[KeyPath], written: Mapping[str, Any]) -> str:
    names = [dotted(as_written(path, written)) for path in paths[:3]]
    return f"; did you mean {alternatives(names)}?" if names else ""


def _owners(key: str, place: Place | None, value: Any) -> list[str]:
    """The other components that could stand at a place and have the key."""
    if not isinstance(place, Component):
        return []
    fitting, own = place.slot.fitting(place.role), place.chosen(value)
    return [name for name, config in fitting.items() if key in config.model_fields and name != own]


def _suitable(value: Any, written: Mapping[str, Any]) -> Iterator[KeyPath]:
    """Every key path of this recipe, written or not, at which a value of this form may stand."""
    table = {"stages": {ONLY_STAGE: {}}, **normalised(written)}
    for path, place in _reachable(Table(Recipe), table):
        if isinstance(value, Mapping):
            suitable = isinstance(place, Table | Component) or (isinstance(place, Many) and place.keyed)
        elif isinstance(value, list):
            suitable = isinstance(place, Many) and not place.keyed
        else:
            suitable = isinstance(place, Value) or (isinstance(place, Component) and isinstance(value, str))
        if suitable:
            yield path


def _reachable(place: Place | None, value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Place]]:
    if isinstance(place, Component):
        place = place.table(value)
    if isinstance(place, Table):
        for key, inner in children(place).items():
            yield (*path, key), inner
            yield from _reachable(inner, below(value, key), (*path, key))
    elif isinstance(place, Many) and place.keyed and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _reachable(place.item, item, (*path, key))
