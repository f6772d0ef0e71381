"""Where shelves are: folders with `registry/` (cards) and `checkpoints/` (files)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zoo
from zoo.errors import ShelfError
from zoo.shelf.names import is_name

HOME = "ZOO_HOME"
"""The environment variable that names a shelf of one's own."""

CARD_SUFFIX = ".toml"


@dataclass(frozen=True)
class Shelf:
    """One folder of cards and checkpoints."""

    root: Path

    @property
    def registry(self) -> Path:
        """The folder of the cards."""
        return self.root / "registry"

    @property
    def checkpoints(self) -> Path:
        """The folder of the models' files."""
        return self.root / "checkpoints"

    def card_file(self, name: str) -> Path:
        """The card of a model."""
        return self.registry / f"{name}{CARD_SUFFIX}"

    def folder(self, name: str) -> Path:
        """The files of a model."""
        return self.checkpoints / name

    def names(self) -> list[str]:
        """Every model that has a card, in alphabetical order."""
        return sorted(file.stem for file in self.registry.glob(f"*{CARD_SUFFIX}") if is_name(file.stem))

    @property
    def exists(self) -> bool:
        """Whether both folders are there."""
        return self.registry.is_dir() and self.checkpoints.is_dir()


def shelves(registry: Path | None = None) -> list[Shelf]:
    """The shelves that exist, in the order in which they are searched.

    `registry`, then `$ZOO_HOME`, the working directory, the clone that the package lies in, and what came with the
    installed package.

    Raises:
        ShelfError: the folder given as `registry` is no shelf.
    """
    if registry is not None and not Shelf(registry).exists:
        raise ShelfError(f"{registry}: not a shelf; a shelf is a folder with registry/ and checkpoints/ in it")
    found: dict[Path, Shelf] = {}
    for shelf in [*_places(registry), Shelf(Path(zoo.__file__).parent / "_shipped")]:
        if shelf.exists:
            found.setdefault(shelf.root.resolve(), shelf)
    return list(found.values())


def writable_shelf(registry: Path | None = None) -> Shelf:
    """The shelf that is published to: the first of `registry`, `$ZOO_HOME`, the working directory, the clone.

    The first two are made if need be, the others only used where they exist.

    Raises:
        ShelfError: there is none.
    """
    if registry is not None:
        return Shelf(registry)
    if os.environ.get(HOME):
        return Shelf(Path(os.environ[HOME]).expanduser())
    for shelf in _places(None):
        if shelf.exists:
            return shelf
    raise ShelfError(f"no shelf to publish to: give a folder with --registry DIR or ${HOME}")


def _places(registry: Path | None) -> Iterator[Shelf]:
    if registry is not None:
        yield Shelf(registry)
    if os.environ.get(HOME):
        yield Shelf(Path(os.environ[HOME]).expanduser())
    yield Shelf(Path.cwd())
    yield Shelf(clone())


def clone() -> Path:
    """The folder that the package lies in, which is a shelf in a clone."""
    return Path(zoo.__file__).parent.parent
