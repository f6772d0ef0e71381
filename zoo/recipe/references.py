"""Stages that name earlier stages: every reference must point backwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.recipe.places import Place, Value, walk
from zoo.recipe.problem import Problem
from zoo.recipe.suggestions import nearest
from zoo.schemes.stage_reference import StageReference


def misplaced(stage: Place | None, stages: Mapping[str, Any]) -> list[Problem]:
    """Every reference in a `stages` table that names no earlier stage.

    Args:
        stage: the schema's place of one stage.
        stages: plain values, in order.
    """
    problems: list[Problem] = []
    earlier: list[str] = []
    for name, table in stages.items():
        for path, place, value in walk(stage, table, ("stages", name)):
            if _is_reference(place) and isinstance(value, str) and value not in earlier:
                problems.append(Problem(path, _complaint(value, name, list(stages), earlier), value))
        earlier.append(name)
    return problems


def _is_reference(place: Place | None) -> bool:
    return isinstance(place, Value) and any(isinstance(item, StageReference) for item in place.metadata)


def _complaint(value: str, own: str, names: list[str], earlier: list[str]) -> str:
    allowed = f"earlier stages: {', '.join(earlier)}" if earlier else f"there is no stage before {own}"
    if value == own:
        return f"a stage cannot build on itself; {allowed}"
    if value in names:
        return f"stage {value} is trained after {own}; {allowed}"
    found = nearest(value, earlier)
    return f"no such stage; {allowed}" + (f"; did you mean {found[0]}?" if found else "")
