"""Laying one table over another: tables merge, everything else replaces.

A component that is named anew starts afresh: of the table below, only the keys stay that every component of its role
has (`data.limit`, say), since the others belonged to the component that was there before. A bare name is short for a
table with nothing but that name, so it merges with one. A table starts afresh, too, where its `Subject` is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.recipe.places import Component, Place, Table, step


class Subject:
    """Marks the key of a table that says what the others are about, as `published.source` does.

    What a table below says of its own subject is not true of another.
    """


def merge(base: Mapping[str, Any], layer: Mapping[str, Any], place: Place | None) -> dict[str, Any]:
    """The table `layer` laid over the table `base`.

    Args:
        base: the table below.
        layer: the table whose values win.
        place: what the schema expects here; it says which tables are components.
    """
    if isinstance(place, Component):
        base = _kept(base, layer, place)
    if isinstance(place, Table) and _names_subject(layer, place):
        base = {}
    merged = dict(base)
    for key, value in layer.items():
        inner = step(place, key, {**base, **layer})
        merged[key] = _laid(base[key], value, inner) if key in base else value
    return merged


def _laid(base: Any, value: Any, place: Place | None) -> Any:
    if isinstance(place, Component) and (isinstance(base, Mapping) or isinstance(value, Mapping)):
        base, value = ({place.key: item} if isinstance(item, str) else item for item in (base, value))
    if isinstance(base, Mapping) and isinstance(value, Mapping):
        return merge(base, value, place)
    return value


def _kept(base: Mapping[str, Any], layer: Mapping[str, Any], place: Component) -> Mapping[str, Any]:
    named = place.names(layer)
    if named is None or place.names(base) in (None, named):
        return base
    return {key: value for key, value in base.items() if key in place.role.model_fields}


def _names_subject(layer: Mapping[str, Any], place: Table) -> bool:
    fields = place.config.model_fields
    return any(isinstance(item, Subject) for key in layer if key in fields for item in fields[key].metadata)
