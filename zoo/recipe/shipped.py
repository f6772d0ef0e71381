"""The recipes that come with the zoo."""

from __future__ import annotations

from pathlib import Path

import zoo

SUFFIX = ".toml"


def shipped_recipes() -> dict[str, Path]:
    """Name to file of every recipe of the clone or of the installed package, in alphabetical order."""
    package = Path(zoo.__file__).parent
    for folder in (package / "_shipped" / "recipes", package.parent / "recipes"):
        if folder.is_dir():
            return {file.stem: file for file in sorted(folder.glob(f"*{SUFFIX}"))}
    return {}
