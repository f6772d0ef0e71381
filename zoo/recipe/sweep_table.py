"""The `[sweep]` table: which values of which keys a sweep runs.

`sweep.KEY = [VALUES]` varies one key of the recipe; several such keys, in quotes or as nested tables, make a grid.
`[[sweep.members]]` are tables of any keys with a `label` each, for what changes in several places at once; beside a
grid every member meets every point of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zoo.catalogue import DISCRIMINATOR
from zoo.errors import RecipeError
from zoo.recipe.layers import FileLayer, Layer, Override, origin
from zoo.recipe.merge import merge
from zoo.recipe.places import KeyPath
from zoo.recipe.problem import ABSENT, Problem, dotted, shown
from zoo.recipe.problems import line

SWEEP, MEMBERS, LABEL = "sweep", "members", "label"

LONGEST_LABEL = 120

LONGEST_VALUE = 30
"""Letters of a value in a label; longer ones are counted instead."""

_HOW = "write sweep.KEY = [VALUES], or [[sweep.members]] with a label and keys"


@dataclass(frozen=True)
class Choice:
    """One value of one swept key, or one of the members."""

    label: str
    overrides: tuple[Override, ...]
    """What it changes in the recipe; key paths as the sweep writes them."""


def spread(sweep: Any) -> Any:
    """The table with dotted keys in quotes written as nested tables; what is no table stays as it is."""
    if not isinstance(sweep, Mapping):
        return sweep
    table: dict[str, Any] = {}
    for key, value in sweep.items():
        inner = spread(value)
        for part in reversed(key.split(".")):
            inner = {part: inner}
        table = merge(table, inner, None)
    if isinstance(table.get(MEMBERS), list):
        table[MEMBERS] = [spread(member) for member in table[MEMBERS]]
    return table


def with_sweep_spread(layer: FileLayer) -> FileLayer:
    """A file whose `[sweep]` is spread, its lines too."""
    if SWEEP not in layer.table:
        return layer
    lines: dict[KeyPath, int] = {}
    for path, number in layer.lines.items():
        spread_path: KeyPath = ()
        for key in path:
            for part in key.split(".") if path[0] == SWEEP and isinstance(key, str) else (key,):
                spread_path += (part,)
                lines.setdefault(spread_path, number)
    return replace(layer, table={**layer.table, SWEEP: spread(layer.table[SWEEP])}, lines=lines)


def option_spread(option: Override) -> Override:
    """A `--set sweep.KEY=VALUE` in the same form."""
    if option.path[0] != SWEEP:
        return option
    path = tuple(part for key in option.path for part in str(key).split("."))
    value = spread(option.value)
    if path[1:] == (MEMBERS,) and isinstance(value, list):
        value = [spread(member) for member in value]
    return replace(option, path=path, value=value)


def axes(sweep: Any, layers: Sequence[Layer]) -> list[list[Choice]]:
    """The choices of every swept key, and those of the members; a sweep runs all their combinations.

    Args:
        sweep: the spread table.
        layers: the files and options it comes from; they give every problem its place.

    Raises:
        RecipeError: everything that is wrong with the table itself, whatever its values mean.
    """
    return _Reader(layers).read(sweep)


class _Reader:
    """Reads the table, and collects what is wrong."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers
        self._problems: list[str] = []

    def read(self, sweep: Any) -> list[list[Choice]]:
        found: list[list[Choice]] = []
        if not isinstance(sweep, Mapping) or not sweep:
            self._complain((SWEEP,), f"nothing to sweep; {_HOW}", ABSENT if isinstance(sweep, Mapping) else sweep)
        else:
            grid = {key: value for key, value in sweep.items() if key != MEMBERS}
            lists = dict(self._lists(grid, (SWEEP,)))
            if MEMBERS in sweep:
                found.append(self._members(sweep[MEMBERS]))
            found += [self._values(path, values, list(lists)) for path, values in lists.items()]
            self._refuse_twice(found)
        if self._problems:
            raise RecipeError(self._problems)
        return found

    def _complain(self, path: KeyPath, text: str, value: Any = ABSENT) -> None:
        self._problems.append(line(Problem(path, text, value), origin(self._layers, path)))

    def _override(self, path: KeyPath, key: KeyPath, value: Any) -> Override:
        """The override of a recipe's key that stands at a path of the sweep."""
        what = "" if isinstance(value, Mapping) else f" = {shown(value)}"
        where = origin(self._layers, path)
        return Override(f"{where}: {dotted(path)}{what}", key, value, where.order[1] if where else 0)

    def _overrides(self, path: KeyPath, key: KeyPath, value: Any) -> Iterator[Override]:
        """One override per value that is no table, so that each has its own place."""
        if isinstance(value, Mapping) and value:
            for name, item in value.items():
                yield from self._overrides((*path, name), (*key, name), item)
        else:
            yield self._override(path, key, value)

    def _lists(self, table: Mapping[str, Any], path: KeyPath) -> Iterator[tuple[KeyPath, list[Any]]]:
        for key, value in table.items():
            inner = (*path, key)
            if isinstance(value, Mapping) and value:
                yield from self._lists(value, inner)
            elif isinstance(value, list) and value and inner[1] not in (SWEEP, "extends"):
                yield inner, value
            elif inner[1] in (SWEEP, "extends"):
                self._complain(inner, "cannot be swept")
            else:
                self._complain(inner, "must be a list of the values to run", value)

    def _values(self, path: KeyPath, values: list[Any], paths: list[KeyPath]) -> list[Choice]:
        key = path[1:]
        texts = [_text(value) for value in values]
        if any(text is None or texts.count(text) > 1 for text in texts) and any(isinstance(v, Mapping) for v in values):
            texts = [str(number) for number in range(1, len(values) + 1)]
        choices: dict[str, Choice] = {}
        for number, (text, value) in enumerate(zip(texts, values, strict=True)):
            label = f"{_short_key(key, [other[1:] for other in paths])}={text or number + 1}"
            if label in choices:
                self._complain((*path, number), "stands there twice", value)
            choices[label] = Choice(label, tuple(self._overrides((*path, number), key, value)))
        return list(choices.values())

    def _members(self, members: Any) -> list[Choice]:
        path = (SWEEP, MEMBERS)
        if not isinstance(members, list) or not members or not all(isinstance(member, Mapping) for member in members):
            self._complain(path, "must be tables: [[sweep.members]], each with a label and the keys it sets")
            return []
        choices: dict[str, Choice] = {}
        for number, member in enumerate(members):
            label = member.get(LABEL, ABSENT)
            if label is ABSENT:
                self._complain((*path, number, LABEL), "missing; must be text that tells the member apart")
            elif not isinstance(label, str) or not folder_name(label) or len(label) > LONGEST_LABEL:
                self._complain((*path, number, LABEL), f"must be text of 1 to {LONGEST_LABEL} letters", label)
            elif folder_name(label).lower() in choices:
                self._complain((*path, number, LABEL), "two members may not be called alike", label)
            else:
                keys = {key: value for key, value in member.items() if key != LABEL}
                overrides = tuple(self._overrides((*path, number), (), keys)) if keys else ()
                choices[folder_name(label).lower()] = Choice(label, overrides)
        return list(choices.values())

    def _refuse_twice(self, found: list[list[Choice]]) -> None:
        seen: set[KeyPath] = set()
        for choices in found:
            own = {override.path: override for choice in choices for override in choice.overrides}
            twice = [override for path, override in own.items() if path in seen]
            self._problems += [f"{override.label}: the sweep sets this key in two ways" for override in twice]
            seen |= own.keys()


def folder_name(label: str) -> str:
    """A label as the name of a directory; may be empty."""
    return re.sub(r"[^\w.=+-]+", "-", label, flags=re.ASCII).strip("-.")


def _short_key(key: KeyPath, keys: Sequence[KeyPath]) -> str:
    """The end of a key path, as much of it as tells it apart from the others."""
    for length in range(1, len(key)):
        end = key[-length:]
        if sum(other[-length:] == end for other in keys) == 1:
            return dotted(end)
    return dotted(key)


def _text(value: Any) -> str | None:
    """A value in few letters, for a label; None where it takes many."""
    if isinstance(value, Mapping):
        text = next((value[name] for name in ("name", *DISCRIMINATOR.values()) if name in value), None)
    elif isinstance(value, list):
        parts = [_text(item) for item in value]
        text = "-".join(part for part in parts if part is not None) if None not in parts else None
    else:
        text = value if isinstance(value, str) else shown(value)
    fits = isinstance(text, str) and len(text) <= LONGEST_VALUE and folder_name(text)
    return text if fits else None
