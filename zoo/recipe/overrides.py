"""`--set key.path=VALUE`: one value of a recipe, changed from outside its file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import tomli

from zoo.errors import RecipeError
from zoo.recipe.layers import Override
from zoo.recipe.merge import merge
from zoo.recipe.nesting import DEEPEST, too_deep
from zoo.recipe.phrases import alternatives
from zoo.recipe.places import KeyPath, Place
from zoo.recipe.problem import dotted, printable
from zoo.recipe.schema import STAGE_TABLES, as_written
from zoo.recipe.suggestions import nearest

LONGEST = 200
"""Characters of an option that are repeated in a message."""

_TOML_ONLY = re.compile(r"""[\[{"'#]""")


def parse_override(text: str) -> Override:
    """One `KEY=VALUE`; VALUE is a TOML value, and what is none is taken as a bare word, that is, a string.

    Raises:
        RecipeError: no `=`, a malformed key, or a list, table or quoted string that is not closed.
    """
    label = f"--set {printable(text if len(text) <= LONGEST else text[:LONGEST] + ' ...')}"
    key, equals, value = text.partition("=")
    if not equals:
        raise RecipeError([f"{label}: needs the form KEY=VALUE, for instance train.epochs=3"])
    path = _key_path(key)
    if path is None:
        raise RecipeError([f"{label}: what stands before = is no key path; write for instance train.epochs=3"])
    if path[0] == "extends":
        raise RecipeError([f"{label}: extends belongs into a recipe file; run that recipe instead"])
    content = _value(value.strip(), label)
    if len(path) > DEEPEST or too_deep(content):
        raise RecipeError([f"{label}: tables or lists are nested more than {DEEPEST} deep"])
    return Override(label, path, content)


def parse_overrides(texts: Iterable[str]) -> list[Override]:
    """Several overrides, in order.

    Raises:
        RecipeError: every malformed one.
    """
    overrides: list[Override] = []
    problems: list[str] = []
    for text in texts:
        try:
            overrides.append(parse_override(text))
        except RecipeError as error:
            problems += error.problems
    if problems:
        raise RecipeError(problems)
    return overrides


def placed(overrides: Iterable[Override], table: Mapping[str, Any]) -> list[Override]:
    """Overrides in the form in which a recipe writes its stages.

    Args:
        overrides: with key paths in either form.
        table: the recipe as it is without them.

    Raises:
        RecipeError: every override of a stage that the recipe does not have.
    """
    found = [replace(override, path=as_written(override.path, table)) for override in overrides]
    problems = [f"{override.label}: {text}" for override in found if (text := _stageless(override.path, table))]
    if problems:
        raise RecipeError(problems)
    return found


def _stageless(path: KeyPath, table: Mapping[str, Any]) -> str | None:
    """What is wrong with a key path into a stage that does not exist; a stage may only be added whole."""
    stages = table.get("stages")
    if isinstance(stages, Mapping) and path[0] in STAGE_TABLES:
        meant = [dotted(("stages", name, *path)) for name in list(stages)[:3]]
        return f"the recipe has several stages; did you mean {alternatives(meant)}?" if meant else None
    if path[0] != "stages" or len(path) < 3:
        return None
    if stages is None and any(key in table for key in STAGE_TABLES):
        return f"the recipe has one stage, written at the top; did you mean {dotted(path[2:])}?"
    if isinstance(stages, Mapping) and path[1] not in stages:
        near = nearest(str(path[1]), stages, 1)
        advice = f"; did you mean {dotted(('stages', near[0], *path[2:]))}?" if near else ""
        return f"no such stage; there are {alternatives([dotted((name,)) for name in stages])}{advice}"
    return None


def overridden(base: Mapping[str, Any], overrides: Iterable[Override], place: Place | None) -> dict[str, Any]:
    """The table with overrides laid over it; of two for the same key the last wins, otherwise their order is free.

    Outer keys go first and the keys of one table together, so that a component and its new keys may come in any order.
    """
    by_table: dict[KeyPath, dict[str, Any]] = {}
    for override in overrides:
        by_table.setdefault(override.path[:-1], {})[str(override.path[-1])] = override.value
    merged = dict(base)
    for path in sorted(by_table, key=len):
        layer: dict[str, Any] = by_table[path]
        for key in reversed(path):
            layer = {str(key): layer}
        merged = merge(merged, layer, place)
    return merged


def _key_path(text: str) -> KeyPath | None:
    try:
        table: Any = tomli.loads(f"{text.strip()} = 0") if "\n" not in text else None
    except (ValueError, RecursionError):
        return None
    path: list[str] = []
    while isinstance(table, dict) and len(table) == 1:
        [(key, table)] = table.items()
        path.append(key)
    return tuple(path) if path and table == 0 else None


def _value(text: str, label: str) -> Any:
    if not text:
        raise RecipeError([f'{label}: a value is missing; an empty string is ""'])
    try:
        table = tomli.loads(f"value = {text}")
    except (ValueError, RecursionError) as error:
        if _TOML_ONLY.match(text):
            raise RecipeError([f"{label}: the value is not valid TOML: {printable(str(error))}"]) from None
        return text
    return table["value"] if len(table) == 1 else text
