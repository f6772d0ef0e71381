"""The files of one model, as they lie in `checkpoints/NAME/`."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo.data.constants import Constants
from zoo.recipe.schema import Recipe
from zoo.schemes.model import Model
from zoo.shelf.constants import load_constants, save_constants
from zoo.shelf.finished_run import RECIPE
from zoo.shelf.load import WEIGHTS, constants_file, stored_model
from zoo.shelf.reference import Reference, recorded
from zoo.shelf.weights import save_weights
from zoo.typing import Particles

LARGEST_EXTRA = 1 << 20
"""Bytes of a picture or of the learning curve that are still copied; what is larger stays where it is."""

PICTURE, TEXT, COMPRESSED = ".png", ".jsonl", ".gz"

COLOURS = 256


@dataclass(frozen=True, eq=False)
class Contents:
    """What the files of a model are made from."""

    recipe: Recipe
    recipe_file: Path
    constants: Mapping[str, Constants]
    model: Model
    extras: Iterable[Path]
    """Pictures and the learning curve; those that do not exist are left out."""


def stored_contents(folder: Path, recipe: Recipe, model: Model) -> Contents:
    """What a folder that is on the shelf holds already, with another model in place of its own.

    Raises:
        ShelfError: the constants of a stage are missing.
    """
    constants = {stage: load_constants(constants_file(folder, stage)) for stage in recipe.stages}
    extras = sorted(path for path in folder.iterdir() if path.suffix in (PICTURE, TEXT, COMPRESSED))
    return Contents(recipe, folder / RECIPE, constants, model, extras)


def write_model(folder: Path, contents: Contents, tried: Particles) -> Reference:
    """Fill an empty folder; the reference is what the model makes of `tried` once it is read back.

    Raises:
        OSError: the folder cannot be written.
    """
    shutil.copyfile(contents.recipe_file, folder / RECIPE)
    for stage, constants in contents.constants.items():
        save_constants(constants_file(folder, stage), constants)
    save_weights(folder / WEIGHTS, contents.model)
    for extra in contents.extras:
        if extra.is_file() and extra.stat().st_size <= LARGEST_EXTRA:
            _copy(extra, folder / extra.name)
    reference = recorded(stored_model(folder, contents.recipe), tried)
    reference.save(folder)
    return reference


def _copy(source: Path, target: Path) -> None:
    """Pictures are kept with a palette, a third of the bytes and no difference that an eye sees; text is compressed."""
    if source.suffix == TEXT:
        target.with_name(f"{target.name}.gz").write_bytes(gzip.compress(source.read_bytes(), mtime=0))
        return
    if source.suffix != PICTURE:
        shutil.copyfile(source, target)
        return
    from PIL import Image

    with Image.open(source) as picture:
        if picture.mode == "P":
            shutil.copyfile(source, target)
        else:
            palette = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
            palette.save(target, optimize=True)
