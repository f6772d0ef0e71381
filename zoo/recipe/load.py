"""From a file name to a checked recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.catalogue import DISCRIMINATOR
from zoo.errors import RecipeError
from zoo.recipe.files import find, read
from zoo.recipe.layers import FileLayer, Layer, Override, origin
from zoo.recipe.merge import merge
from zoo.recipe.overrides import overridden, parse_overrides, placed
from zoo.recipe.places import Table, below
from zoo.recipe.problem import dotted, shown
from zoo.recipe.problems import validated
from zoo.recipe.resolved import leaves, plain, without_none
from zoo.recipe.schema import Recipe, RecipeFile, as_written
from zoo.recipe.sweep_table import SWEEP, option_spread, with_sweep_spread

FILE = Table(RecipeFile)

NAMING_KEYS = ("name", *DISCRIMINATOR.values())


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe and where it comes from."""

    recipe: Recipe
    name: str
    """The stem of the file."""
    path: Path
    origins: Mapping[str, str] = field(repr=False)
    """Key path of the resolved recipe to where its value comes from: `FILE:LINE`, `--set ...` or `default`, which
    `compat` decides on as well."""


@dataclass(frozen=True)
class Written:
    """What a recipe file, those it extends and the options say together, not yet checked."""

    name: str
    """The stem of the file."""
    path: Path
    table: Mapping[str, Any]
    """Plain values, without `extends` and `[sweep]`."""
    sweep: Any
    """The `[sweep]` table, spread; None where there is none."""
    layers: tuple[Layer, ...]
    """The files, the last ancestor first, then the options."""

    def loaded(self, recipe: Recipe) -> LoadedRecipe:
        """The checked recipe with its origins."""
        return LoadedRecipe(recipe, self.name, self.path, _origins(recipe, self.table, self.layers))


def load_recipe(path: Path | str, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """The recipe of a file, or a shipped recipe by its bare name.

    Args:
        path: a TOML file, or for instance `zp_fm`.
        overrides: `key.path=VALUE` each, as after `--set`.

    Raises:
        RecipeError: every problem of the file and the overrides, one line each; a sweep is not a single recipe.
    """
    written = read_written(path, overrides)
    if written.sweep is not None:
        raise RecipeError([f"{origin(written.layers, (SWEEP,))}: {SWEEP}: one recipe is needed here, not a sweep"])
    return written.loaded(validated(written.table, written.layers))


def read_written(path: Path | str, overrides: Sequence[str] = ()) -> Written:
    """What a file says, or a shipped recipe by its bare name, with the files it extends and the options.

    Raises:
        RecipeError: a file cannot be found or read, or an option is malformed.
    """
    options = [option_spread(option) for option in parse_overrides(overrides)]
    file = find(Path(path))
    chain = [with_sweep_spread(layer) for layer in _chain(file)]
    table: dict[str, Any] = {}
    for layer in chain:
        table = merge(table, {key: value for key, value in layer.table.items() if key != "extends"}, FILE)
    options = placed(options, table)
    table = overridden(table, options, FILE)
    sweep = table.pop(SWEEP, None)
    return Written(file.stem, file, table, sweep, (*chain, *options))


def with_values(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """A copy of a recipe with some values changed, checked anew.

    Args:
        recipe: the recipe, which stays as it is.
        values: dotted key path (`train.epochs`, or `stages.main.train.epochs`) to plain value; None removes the key.

    Raises:
        RecipeError: the changed recipe is not valid.
    """
    table = plain(recipe)
    changes = [Override(f"{key} = {shown(value)}", tuple(key.split(".")), value) for key, value in values.items()]
    changes = placed(changes, table)
    return validated(without_none(overridden(table, changes, FILE)), changes)


def _chain(file: Path) -> list[FileLayer]:
    """The file and those it extends, the last ancestor first."""
    chain: list[FileLayer] = []
    seen: list[Path] = []
    while True:
        if file.resolve() in seen:
            raise RecipeError([f"{_extends(chain[-1])}: a recipe cannot extend itself, directly or in a circle"])
        seen.append(file.resolve())
        layer = read(file)
        chain.append(layer)
        if "extends" not in layer.table:
            return chain[::-1]
        file = _parent(file, layer)


def _parent(file: Path, layer: FileLayer) -> Path:
    parent = layer.table["extends"]
    where = _extends(layer)
    if not isinstance(parent, str) or not parent:
        raise RecipeError([f"{where}: must be the name of one recipe file, relative to this one"])
    try:
        return find(Path(parent), file.parent)
    except RecipeError as error:
        raise RecipeError([f"{where}: {problem.partition(': ')[2]}" for problem in error.problems]) from None


def _extends(layer: FileLayer) -> str:
    return f"{layer.where(('extends',))}: extends = {shown(layer.table['extends'])}"


def _origins(recipe: Recipe, written: Mapping[str, Any], layers: Sequence[Layer]) -> dict[str, str]:
    origins: dict[str, str] = {}
    for path, _ in leaves(plain(recipe)):
        place = as_written(path, written)
        value = written
        for key in place:
            # A bare name is short for a table that holds it.
            value = value if isinstance(value, str) and key in NAMING_KEYS else below(value, key)
        origins[dotted(path)] = "default" if value is None else str(origin(layers, place))
    return origins
