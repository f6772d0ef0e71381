"""The fitted numbers of a stage on disk."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from zoo.data.constants import Constants
from zoo.errors import ShelfError

FILE = "constants.npz"


def save_constants(path: Path, constants: Constants) -> None:
    """Write aside, then rename; the folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.tmp.npz")
    np.savez_compressed(aside, allow_pickle=False, **{name: np.asarray(value) for name, value in constants.items()})
    aside.replace(path)


def load_constants(path: Path) -> Constants:
    """The constants of a file.

    Raises:
        ShelfError: the file is missing or not readable.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ShelfError(f"{path}: not readable as the constants of a stage ({error})") from error
