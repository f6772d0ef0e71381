"""`compat = "published"`: what the published code does otherwise than the papers, written into a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from zoo.catalogue import Config, published
from zoo.recipe.places import Component, Place, Table, step


def as_published(place: Place | None, value: Any) -> Any:
    """Plain values in which every key with a published value of its own that is not set has that value.

    Components that stand there by default are written out where that is needed. What is set stays.

    Args:
        place: what the schema expects here.
        value: plain values; what does not fit the schema stays as it is, for the schema to refuse.
    """
    if isinstance(value, list):
        return [as_published(step(place, number, value), item) for number, item in enumerate(value)]
    if isinstance(place, Component) and isinstance(value, str):
        filled = as_published(place, {place.key: value})
        return value if list(filled) == [place.key] else filled
    if not isinstance(value, Mapping):
        return value
    filled = {key: as_published(step(place, key, value), item) for key, item in value.items()}
    table = place.table(value) if isinstance(place, Component) else place
    if isinstance(table, Table):
        for key, field in table.config.model_fields.items():
            if key not in value:
                before = _unset(field)
                after = as_published(step(table, key, value), before)
                if published(field) or after != before:
                    filled[key] = after
    return filled


def _unset(field: FieldInfo) -> Any:
    """What stands for a key that is not set, as a recipe would write it."""
    marker = published(field)
    default = field.get_default(call_default_factory=True, validated_data={}) if marker is None else marker.value
    return None if default is PydanticUndefined else _written(default)


def _written(value: Any) -> Any:
    if isinstance(value, Config):
        return value.model_dump(mode="json", exclude_unset=True)
    return [_written(item) for item in value] if isinstance(value, list | tuple) else value
