"""From pydantic's errors to one line per problem, each with its key path, what is allowed and what was meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from zoo.catalogue import components, kinds
from zoo.errors import RecipeError
from zoo.recipe.layers import Layer, Origin, Override, origin
from zoo.recipe.phrases import alternatives, article, phrase
from zoo.recipe.places import Component, KeyPath, Place, Table, Value, at, below, step
from zoo.recipe.problem import ABSENT, Problem, dotted, printable, shown
from zoo.recipe.schema import Recipe, as_written, normalised, of_stages
from zoo.recipe.suggestions import nearest
from zoo.recipe.unknown_keys import unknown_key

_NOT_ACCEPTED = {
    "greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of", "literal_error",
    "int_type", "int_from_float", "float_type", "bool_type", "string_type", "string_too_short", "string_too_long",
    "model_type", "model_attributes_type", "dict_type", "mapping_type", "tuple_type", "list_type", "path_type",
    "is_instance_of", "too_short", "too_long", "finite_number",
}  # fmt: skip
"""Error types whose whole message is what the schema accepts instead."""

Located = tuple[Problem, Origin | None]
"""A problem, and where it stands."""

_STAGELESS = "no stage: write [model] and [train], or [stages.NAME.model] and [stages.NAME.train] for several"


def validated(table: Mapping[str, Any], layers: Sequence[Layer]) -> Recipe:
    """The recipe of a merged table.

    Args:
        table: plain values, stages in either form.
        layers: what the table was made of, bottom first; they give every problem its place.

    Raises:
        RecipeError: every problem, in the order of the files.
    """
    found = checked(table, layers)
    if isinstance(found, Recipe):
        return found
    raise RecipeError([line(problem, where) for problem, where in found])


def checked(table: Mapping[str, Any], layers: Sequence[Layer]) -> Recipe | list[Located]:
    """The same with every problem and its place instead of an error, in the order of the files."""
    try:
        return Recipe.model_validate(dict(table))
    except ValidationError as error:
        problems = _problems(error, table)
    return sorted(((problem, _origin(problem, layers)) for problem in problems), key=_order)


def _order(located: Located) -> tuple[int, int]:
    return located[1].order if located[1] else (0, 0)


def _origin(problem: Problem, layers: Sequence[Layer]) -> Origin | None:
    """Where a problem stands: a missing key in its table, unless an option named the component that needs it."""
    asked = origin(layers, problem.asked_by) if problem.asked_by else None
    return asked if asked and isinstance(asked.layer, Override) else origin(layers, problem.path)


def line(problem: Problem, where: Origin | None) -> str:
    """`FILE:LINE: key.path = VALUE: what is wrong`, or `--set key.path=VALUE: what is wrong`."""
    if where is not None and isinstance(where.layer, Override) and where.layer.path == problem.path:
        return f"{where}: {problem.text}"
    value = "" if problem.value is ABSENT else f" = {shown(problem.value)}"
    parts = ([str(where)] if where else []) + ([f"{dotted(problem.path)}{value}"] if problem.path else [])
    return ": ".join([*parts, problem.text])


def _problems(error: ValidationError, written: Mapping[str, Any]) -> list[Problem]:
    table = normalised(written)
    found: dict[KeyPath, Problem] = {}
    for details in error.errors(include_url=False):
        if details["type"] != "problems":
            problem = _explained(details, table, written)
            # The parts of a union complain one by one; what they say is the same.
            found.setdefault(problem.path, problem)
    if isinstance(table.get("stages"), Mapping):
        for problem in of_stages(table["stages"]):
            path = as_written(problem.path, written)
            found.setdefault(path, Problem(path, problem.text, problem.value))
    return list(found.values())


def _explained(details: ErrorDetails, table: Mapping[str, Any], written: Mapping[str, Any]) -> Problem:
    path = _untagged(details["loc"], table)
    place, value = at(Table(Recipe), table, path)
    kind = details["type"]
    if kind == "extra_forbidden":
        return unknown_key(path, written)
    if kind == "missing":
        if path == ("stages",):
            return Problem((), _STAGELESS)
        around, _ = at(Table(Recipe), table, path[:-1])
        asked_by = as_written((*path[:-1], around.key), written) if isinstance(around, Component) else ()
        return Problem(as_written(path, written), f"missing; must be {phrase(place)}", asked_by=asked_by)
    if kind in ("union_tag_invalid", "union_tag_not_found") and isinstance(place, Component):
        return _unnamed(as_written(path, written), place, value)
    path = as_written(path, written)
    if kind in _NOT_ACCEPTED:
        return Problem(path, _not_accepted(kind, place, value), value)
    text = details["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    text = text.replace("Input should be", "must be")
    scalar = not isinstance(value, Mapping) and value is not None
    return Problem(path, printable(text), value if scalar else ABSENT)


def _untagged(location: tuple[int | str, ...], table: Mapping[str, Any]) -> KeyPath:
    """The key path of an error without the names that pydantic inserts for unions and mapping keys."""
    place: Place | None = Table(Recipe)
    value: Any = table
    path: KeyPath = ()
    rest = list(location)
    while rest:
        key = rest.pop(0)
        if isinstance(place, Component):
            place = place.table(value)
            continue
        inner = step(place, key, value)
        if inner is None and not (isinstance(place, Table) or isinstance(value, Mapping | list | tuple)):
            break
        if key == "[key]":
            break
        path, place, value = (*path, key), inner, below(value, key)
    return path


def _not_accepted(kind: str, place: Place | None, value: Any) -> str:
    text = f"must be {phrase(place)}"
    if kind == "finite_number":
        return f"is not finite; {text}"
    if kind == "string_type":
        return f"{text}; write it in quotes"
    if kind in ("int_type", "float_type", "bool_type") and _reads_as_value(value):
        return f"{text}; write it without quotes"
    if kind == "literal_error" and isinstance(value, str) and isinstance(place, Value):
        found = nearest(value, map(str, get_args(place.annotation)), 1)
        return f"{text}; did you mean {found[0]}?" if found else text
    return text


def _reads_as_value(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return value.lower() in ("true", "false")
    return True


def _unnamed(path: KeyPath, place: Component, value: Any) -> Problem:
    """The problem of a table or name that asks for no component, or for one that does not exist or fit."""
    kind, choices = place.slot.kind, list(place.slot.fitting(place.role))
    if isinstance(value, Mapping):
        path, value = (*path, place.key), value.get(place.key, ABSENT)
    if value is ABSENT:
        return Problem(path, f"missing; must name {phrase(place)}")
    if not isinstance(value, str):
        return Problem(path, f"must name {phrase(place)}", value)
    if value in components(kind):
        return Problem(path, f"{article(kind)}, but none that can stand here; must be {alternatives(choices)}", value)
    others = [other for other in kinds() if value in components(other)]
    if others:
        return Problem(path, f"{article(others[0])}, not {phrase(place)}", value)
    found = nearest(value, choices, 1)
    advice = f"; did you mean {found[0]}?" if found else ""
    return Problem(path, f"no such {kind}; must be {alternatives(choices)}{advice}", value)
