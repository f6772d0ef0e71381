"""Is every file of a model there, and in the very bytes that were published?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from zoo.errors import ShelfError


def sha256(path: Path) -> str:
    """The digest of a file, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_digests(folder: Path) -> dict[str, str]:
    """Relative path to digest of every file below a folder; hidden ones (`.DS_Store`) do not count."""
    return {name: sha256(folder / name) for name in _files(folder)}


def check_files(folder: Path, digests: Mapping[str, str]) -> None:
    """Refuse a folder that does not hold exactly the published files.

    Raises:
        ShelfError: files are missing, altered or in addition; one line.
    """
    if not folder.is_dir():
        raise ShelfError(f"{folder}: the model's files are missing")
    present = _files(folder)
    problems = [f"{name} is missing" for name in sorted(set(digests) - set(present))]
    problems += [f"{name} does not belong to it" for name in present if name not in digests]
    for name in present:
        if name in digests and (found := sha256(folder / name)) != digests[name]:
            problems.append(f"{name} was altered (sha256 {found[:12]}, published {digests[name][:12]})")
    if problems:
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise ShelfError(f"{folder}: not the published files: {problems[0]}{more}")


def _files(folder: Path) -> list[str]:
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))
