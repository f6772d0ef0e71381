"""Where the keys of a recipe come from: the files of an `extends` chain and the `--set` options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoo.recipe.places import KeyPath


@dataclass(frozen=True)
class FileLayer:
    """One TOML file."""

    label: str
    """The file as the user wrote it."""
    table: Mapping[str, Any]
    lines: Mapping[KeyPath, int] = field(repr=False)

    def has(self, path: KeyPath) -> bool:
        """Whether the file has a key path; every file has the empty one."""
        return not path or path in self.lines

    def where(self, path: KeyPath) -> str:
        """`FILE:LINE` of a key path that the file has."""
        return f"{self.label}:{self.line(path)}"

    def line(self, path: KeyPath) -> int:
        """The line of a key path that the file has."""
        return self.lines.get(path, 1)


@dataclass(frozen=True)
class Override:
    """One `--set KEY=VALUE`, one changed value of a recipe in hand, or one value of a sweep."""

    label: str
    path: KeyPath
    value: Any
    number: int = 0
    """The line of its file; options have none."""

    def has(self, path: KeyPath) -> bool:
        """Whether a key path is the option's own or lies below it."""
        return path[: len(self.path)] == self.path

    def reaches(self, path: KeyPath) -> bool:
        """Whether the option reaches into the table at a key path."""
        return bool(path) and self.path[: len(path)] == path

    def where(self, path: KeyPath) -> str:
        """The option itself."""
        del path
        return self.label

    def line(self, path: KeyPath) -> int:
        """The line of its file."""
        del path
        return self.number


Layer = FileLayer | Override


@dataclass(frozen=True)
class Origin:
    """The layer behind a key path."""

    layer: Layer
    path: KeyPath
    """The key path itself, or the nearest one around it that the layer has."""
    rank: int
    """The number of the layer, from the bottom."""

    def __str__(self) -> str:
        return self.layer.where(self.path)

    @property
    def order(self) -> tuple[int, int]:
        """Sorts origins as a reader meets them: the files, then the options, by line."""
        return self.rank, self.layer.line(self.path)


def origin(layers: Sequence[Layer], path: KeyPath) -> Origin | None:
    """The last layer that has a key path, or else the nearest table around it; None without layers."""
    ranked = list(enumerate(layers))[::-1]
    for length in range(len(path), -1, -1):
        prefix = path[:length]
        having = [item for item in ranked if item[1].has(prefix)]
        reaching = [item for item in ranked if isinstance(item[1], Override) and item[1].reaches(prefix)]
        # What is wrong with a table as a whole was set off by the option that reaches into it; what a table lacks, not.
        found = sorted([*having, *reaching], reverse=True, key=_rank) if prefix == path else [*having, *reaching]
        if found:
            return Origin(found[0][1], prefix, found[0][0])
    return None


def _rank(item: tuple[int, Layer]) -> int:
    return item[0]
