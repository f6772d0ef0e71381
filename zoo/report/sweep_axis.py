"""What a sweep varies: the members along one axis of numbers, or one after the other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Members = Sequence[Mapping[str, Any]]

MOST_SERIES = 6
"""Curves that can be told apart in one panel."""


@dataclass(frozen=True)
class Axis:
    """The members in the order in which they are drawn."""

    key: str | None
    """The last part of the swept key, whose values are numbers; None where members are told apart by their labels."""
    series: Mapping[str, Sequence[tuple[float, Mapping[str, Any]]]]
    """Name of every curve to its (number, member), ascending; a single curve has no name."""


def axis(members: Members) -> Axis:
    """The members along the key with the most different numbers, a curve for each combination of the other keys.

    Where there is no such key (members that differ in several keys at once), they stand in their own order.

    Args:
        members: of `sweep.json`: `label`, and `values` of the dotted keys in which members differ.
    """
    numbers = [key for key in members[0]["values"] if all(_is_number(member["values"].get(key)) for member in members)]
    for key in sorted(numbers, key=lambda key: -len({member["values"][key] for member in members})):
        curves = _curves(key, members)
        if len(curves) <= MOST_SERIES and all(_distinct(curve) for curve in curves):
            return Axis(key.split(".")[-1], dict(zip(_names(curves), curves, strict=True)))
    return Axis(None, {"": list(enumerate(members))})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _curves(key: str, members: Members) -> list[list[tuple[float, Mapping[str, Any]]]]:
    curves: dict[str, list[tuple[float, Mapping[str, Any]]]] = {}
    for member in members:
        others = {other: value for other, value in member["values"].items() if other != key}
        curves.setdefault(json.dumps(others, sort_keys=True), []).append((member["values"][key], member))
    return [sorted(curve, key=lambda point: point[0]) for curve in curves.values()]


def _distinct(curve: Sequence[tuple[float, Any]]) -> bool:
    return len({x for x, _ in curve}) == len(curve) > 1


def _names(curves: Sequence[Sequence[tuple[float, Mapping[str, Any]]]]) -> list[str]:
    """What the labels of a curve's members have in common."""
    if len(curves) == 1:
        return [""]
    names = []
    for curve in curves:
        first, *rest = (member["label"].split(", ") for _, member in curve)
        names.append(", ".join(part for part in first if all(part in other for other in rest)))
    return names if len(set(names)) == len(names) else [str(number) for number in range(1, len(names) + 1)]
