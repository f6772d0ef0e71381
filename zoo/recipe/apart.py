"""Several tables as what they share and what sets each apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.recipe.merge import merge
from zoo.recipe.places import Place, step


def taken_apart(
    tables: Sequence[Mapping[str, Any]], place: Place | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What all tables share, and for each what it has beyond that; laid over the shared part it gives the table."""
    common: dict[str, Any] = {}
    apart: list[dict[str, Any]] = [{} for _ in tables]
    for key in dict.fromkeys(key for table in tables for key in table):
        values = [table.get(key) for table in tables]
        inner = [value for value in values if isinstance(value, Mapping)]
        if all(value == values[0] and type(value) is type(values[0]) for value in values):
            common[key] = values[0]
        elif len(inner) == len(values) and (parts := _parts(inner, step(place, key, tables[0]))):
            common |= {key: parts[0]} if parts[0] else {}
            for table, own in zip(apart, parts[1], strict=True):
                table |= {key: own} if own else {}
        else:
            for table, value in zip(apart, values, strict=True):
                table |= {} if value is None else {key: value}
    return common, apart


def _parts(
    tables: Sequence[Mapping[str, Any]], place: Place | None
) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """The same for a table within; None where the shared part would not stay below what is laid over it."""
    common, apart = taken_apart(tables, place)
    whole = all(merge(common, own, place) == table for own, table in zip(apart, tables, strict=True))
    return (common, apart) if whole else None
