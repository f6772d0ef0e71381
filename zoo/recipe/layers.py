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

    def where(self, path: KeyPath) -> str | None:
        """`FILE:LINE` of a key path; None where the file does not have it."""
        if not path:
            return f"{self.label}:1"
        return f"{self.label}:{self.lines[path]}" if path in self.lines else None


@dataclass(frozen=True)
class Override:
    """One `--set KEY=VALUE`, or one changed value of a recipe in hand."""

    label: str
    path: KeyPath
    value: Any

    def where(self, path: KeyPath) -> str | None:
        """The option itself for its key path and everything below."""
        return self.label if path[: len(self.path)] == self.path else None


Layer = FileLayer | Override


def origin(layers: Sequence[Layer], path: KeyPath) -> str:
    """The last layer that has a key path, or else the nearest table around it; empty without layers."""
    for length in range(len(path), -1, -1):
        prefix = path[:length]
        for layer in reversed(layers):
            where = layer.where(prefix)
            if where is not None:
                return where
        # A table that only exists because an option reaches into it.
        for layer in reversed(layers):
            if isinstance(layer, Override) and prefix and layer.path[:length] == prefix:
                return layer.label
    return ""
