"""A run directory as the shelf sees it: files on disk, whoever wrote them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.data.constants import Constants
from zoo.errors import RunError
from zoo.recipe.load import load_recipe
from zoo.recipe.schema import Recipe
from zoo.schemes.model import Model
from zoo.shelf.constants import FILE, load_constants
from zoo.shelf.store import Store
from zoo.shelf.structure import abstract_models
from zoo.shelf.surrogate import Surrogate

RECIPE = "recipe.toml"


@dataclass(frozen=True)
class FinishedRun:
    """What a finished run left behind."""

    path: Path
    recipe: Recipe
    result: dict[str, Any]
    environment: dict[str, Any]

    @staticmethod
    def is_run(path: Path) -> bool:
        """Whether a path is a run directory, finished or not."""
        return (path / RECIPE).is_file()

    @classmethod
    def open(cls, path: Path) -> FinishedRun:
        """Read a run directory.

        Raises:
            RunError: it is no run directory, or the run is not finished.
            RecipeError: its recipe cannot be read.
        """
        if not cls.is_run(path):
            raise RunError(f"{path}: not a run directory; one holds recipe.toml and result.json")
        if not (path / "result.json").is_file():
            raise RunError(f"{path}: the run is not finished; continue it with: zoo run {path}")
        recipe = load_recipe(path / RECIPE).recipe
        return cls(path, recipe, _document(path / "result.json"), _document(path / "environment.json"))

    @property
    def name(self) -> str:
        """The name of the recipe."""
        return str(self.result.get("recipe") or self.path.resolve().parent.name)

    def constants(self) -> dict[str, Constants]:
        """The fitted numbers of every stage.

        Raises:
            ShelfError: those of a stage are missing.
        """
        return {stage: load_constants(self.path / "checkpoints" / stage / FILE) for stage in self.recipe.stages}

    def model(self) -> Model:
        """The final stage's model with the weights that were evaluated.

        Raises:
            RunError: the final stage was never trained, or its checkpoint does not fit the recipe.
        """
        final = list(self.recipe.stages)[-1]
        folder = self.path / "checkpoints" / final
        about = (self.result.get("stages") or {}).get(final) or {}
        kept = about.get("kept") or self.recipe.stages[final].keep
        for kind in ("best", "last") if kept == "best" else ("last",):
            if not (folder / kind).is_dir():
                continue
            store = Store(folder / kind, keep=1)
            try:
                if store.latest() is not None:
                    return store.restore(abstract_models(self.recipe, self.constants())[final])
            finally:
                store.close()
        raise RunError(f"{self.path}: there are no weights of the final stage {final!r}")

    def surrogate(self) -> Surrogate:
        """The run's model, ready to be used."""
        return Surrogate(self.name, self.recipe, self.model(), self.result)


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: not readable ({error})") from error
    if not isinstance(document, dict):
        raise RunError(f"{path}: not the document of a run")
    return document
