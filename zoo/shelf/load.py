"""A model in one line, from the shelf or from a run directory."""

from __future__ import annotations

import os
from pathlib import Path

from zoo.errors import ShelfError
from zoo.recipe.load import load_recipe
from zoo.recipe.schema import Recipe
from zoo.schemes.model import Model
from zoo.shelf.card import find_card
from zoo.shelf.constants import load_constants
from zoo.shelf.digests import check_files
from zoo.shelf.finished_run import RECIPE, FinishedRun
from zoo.shelf.names import is_name
from zoo.shelf.settings import own_settings
from zoo.shelf.structure import abstract_models
from zoo.shelf.surrogate import Surrogate
from zoo.shelf.weights import restore_weights

WEIGHTS = "weights"
"""Folder of the arrays, beside the recipe."""


def load(name: str | os.PathLike[str], registry: str | os.PathLike[str] | None = None) -> Surrogate:
    """The model of that name, with its weights.

    Args:
        name: a model on the shelf (`zoo list`), or the directory of a finished run.
        registry: a shelf to search first.

    Raises:
        ShelfError: there is no such model; its card is of a newer version; its files are missing or altered. There
            is no such thing as a model with random weights.
        RunError: the run is not finished.
    """
    path = Path(name)
    if FinishedRun.is_run(path):
        return FinishedRun.open(path).surrogate()
    if not is_name(str(name)):
        raise ShelfError(f"{str(name)!r}: neither the directory of a finished run nor the name of a model")
    card = find_card(str(name), None if registry is None else Path(registry))
    check_files(card.folder, card.table["files"])
    recipe = load_recipe(card.folder / RECIPE).recipe
    return Surrogate(card.name, recipe, stored_model(card.folder, recipe), card.table)


def stored_model(folder: Path, recipe: Recipe) -> Model:
    """The model in a folder of a shelf: its structure from recipe and constants, its arrays from the checkpoint.

    It samples; what only training needs is not there.

    Raises:
        ShelfError: the files do not fit the recipe.
    """
    constants = {stage: load_constants(constants_file(folder, stage)) for stage in recipe.stages}
    with own_settings():
        final = abstract_models(recipe, constants)[list(recipe.stages)[-1]]
        return restore_weights(folder / WEIGHTS, final)


def constants_file(folder: Path, stage: str) -> Path:
    """Where a model's folder keeps the fitted numbers of a stage."""
    return folder / "constants" / f"{stage}.npz"
