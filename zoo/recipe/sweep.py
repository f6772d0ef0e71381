"""From a recipe file with a `[sweep]` table to the recipes it stands for."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import tomli_w

from zoo.errors import RecipeError
from zoo.recipe.apart import taken_apart
from zoo.recipe.layers import Origin, Override, origin
from zoo.recipe.load import FILE, LoadedRecipe, Written, read_written
from zoo.recipe.overrides import overridden, placed
from zoo.recipe.places import at
from zoo.recipe.problem import dotted, shown
from zoo.recipe.problems import Located, checked, line, validated
from zoo.recipe.resolved import brief, difference, digest, leaves, plain
from zoo.recipe.schema import Recipe, normalised
from zoo.recipe.sweep_table import LABEL, LONGEST_LABEL, MEMBERS, SWEEP, Choice, axes, folder_name

MOST = 1000
"""Members a sweep may have."""

TAKEN = (".toml", ".json", ".png", ".txt")
"""Endings of the files that lie beside the members."""


@dataclass(frozen=True)
class Member:
    """One recipe of a sweep."""

    label: str
    loaded: LoadedRecipe

    @property
    def folder(self) -> str:
        """The name of its run directory."""
        return folder_name(self.label)

    @property
    def recipe(self) -> Recipe:
        """The recipe itself."""
        return self.loaded.recipe


@dataclass(frozen=True)
class LoadedSweep:
    """The recipes of a sweep, and where they come from."""

    name: str
    """The stem of the file."""
    path: Path
    members: tuple[Member, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of what its members are called and what their recipes say."""
        said = [(member.label, digest(member.recipe)) for member in self.members]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    @cached_property
    def values(self) -> dict[str, dict[str, Any]]:
        """Label of every member to its values of the dotted keys in which members differ; absent ones are left out."""
        _, apart = taken_apart(_tables(self.members), FILE)
        return {
            member.label: {dotted(path): value for path, value in leaves(table)}
            for member, table in zip(self.members, apart, strict=True)
        }

    def toml(self) -> str:
        """The sweep as TOML with every default written out; loading it gives equal recipes.

        What the members share comes first, then `[[sweep.members]]` with what sets each apart.
        """
        common, apart = taken_apart(_tables(self.members), FILE)
        members = [{LABEL: member.label, **brief(table)} for member, table in zip(self.members, apart, strict=True)]
        return tomli_w.dumps({**brief(common), SWEEP: {MEMBERS: members}})


def load_experiment(path: Path | str, overrides: Sequence[str] = ()) -> LoadedRecipe | LoadedSweep:
    """The recipe of a file, or all recipes of one with a `[sweep]` table.

    Args:
        path: a TOML file, or the name of a shipped recipe.
        overrides: `key.path=VALUE` each, as after `--set`; `sweep.KEY=[VALUES]` changes the sweep.

    Raises:
        RecipeError: every problem of the file, the overrides and the members, one line each.
    """
    written = read_written(path, overrides)
    if written.sweep is None:
        return written.loaded(validated(written.table, written.layers))
    return LoadedSweep(written.name, written.path, tuple(_members(written)))


def changes(old: LoadedSweep, new: LoadedSweep) -> list[tuple[str, Any, Any]]:
    """Every (what, old value, new value) in which two sweeps differ; what changes alike in all members once."""
    before, after = ({member.label: member.recipe for member in sweep.members} for sweep in (old, new))
    found: list[tuple[str, Any, Any]] = []
    if list(before) != list(after):
        found.append((f"{SWEEP}, the members", list(before), list(after)))
    common = [label for label in before if label in after]
    differences = {label: difference(before[label], after[label]) for label in common}
    first = next(iter(differences.values()), [])
    alike = [change for change in first if all(change in changed for changed in differences.values())]
    found += alike
    for label, changed in differences.items():
        found += [(f"{label}: {key}", one, other) for key, one, other in changed if (key, one, other) not in alike]
    return found


def _members(written: Written) -> list[Member]:
    choices = _placed(written, axes(written.sweep, written.layers))
    number = math.prod(map(len, choices))
    if number > MOST:
        where = origin(written.layers, (SWEEP,))
        raise RecipeError([f"{where}: {SWEEP}: {number:,} members; at most {MOST:,} can be run"])
    members: list[Member] = []
    problems: dict[tuple[Any, ...], Located] = {}
    labels = [", ".join(choice.label for choice in combination) for combination in itertools.product(*choices)]
    _check_labels(labels, f"{origin(written.layers, (SWEEP,))}: {SWEEP}")
    for label, combination in zip(labels, itertools.product(*choices), strict=True):
        overrides = [override for choice in combination for override in choice.overrides]
        table, layers = overridden(written.table, overrides, FILE), (*written.layers, *overrides)
        found = checked(table, layers)
        if isinstance(found, Recipe):
            name = f"{written.name}/{folder_name(label)}"
            members.append(Member(label, replace(written, name=name, table=table, layers=layers).loaded(found)))
            continue
        for problem, where in found:
            # What is wrong with the shared part, or with a key whatever its value, is said once.
            place = None if problem.about_key else str(where)
            problems.setdefault((problem.path, problem.text, place), (problem, where))
    if problems:
        last = len(written.layers)
        located = sorted(problems.values(), key=lambda pair: _order(pair[1], last))
        raise RecipeError([line(*pair) for pair in located])
    return members


def _check_labels(labels: Sequence[str], where: str) -> None:
    """Refuse labels that cannot be told apart, or that are no name of a directory."""
    seen: dict[str, str] = {}
    for label in labels:
        folder = folder_name(label).lower()
        if len(label) > LONGEST_LABEL or folder.endswith(TAKEN):
            raise RecipeError([f"{where}: {shown(label)}: cannot be the name of a directory; give labels in members"])
        if folder in seen:
            raise RecipeError([f"{where}: {shown(seen[folder])} and {shown(label)} are called alike"])
        seen[folder] = label


def _order(where: Origin | None, last: int) -> tuple[int, int]:
    """Sorts problems as a reader meets them: those of the sweep's values come last, by line."""
    rank, number = where.order if where else (0, 0)
    return min(rank, last), number


def _placed(written: Written, found: list[list[Choice]]) -> list[list[Choice]]:
    """The choices with key paths in the form in which the recipe writes its stages.

    Raises:
        RecipeError: a key of a stage that the recipe does not have; an option for a key that the sweep sets.
    """
    firsts: dict[Any, Override] = {}
    for choices in found:
        for choice in choices:
            for override in choice.overrides:
                firsts.setdefault(override.path, override)
    paths = dict(zip(firsts, (override.path for override in placed(firsts.values(), written.table)), strict=True))
    everywhere = {
        paths[override.path]
        for choices in found
        for override in choices[0].overrides
        if all(override.path in [other.path for other in choice.overrides] for choice in choices)
    }
    idle = [layer for layer in written.layers if isinstance(layer, Override) and layer.path in everywhere]
    if idle:
        raise RecipeError(
            f"{option.label}: the sweep sets this key in every member{_meant(option, written.sweep)}" for option in idle
        )
    return [
        [
            replace(choice, overrides=tuple(replace(each, path=paths[each.path]) for each in choice.overrides))
            for choice in choices
        ]
        for choices in found
    ]


def _meant(option: Override, sweep: Mapping[str, Any]) -> str:
    """Advice on an option for a key that the grid varies."""
    _, values = at(None, sweep, option.path)
    return f"; did you mean {SWEEP}.{dotted(option.path)}=[{shown(option.value)}]?" if values is not None else ""


def _tables(members: Sequence[Member]) -> list[dict[str, Any]]:
    tables = [plain(member.recipe) for member in members]
    if any("stages" in table for table in tables):
        tables = [normalised(table) for table in tables]
    return tables
