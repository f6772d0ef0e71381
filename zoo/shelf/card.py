"""Reading cards: the machine-readable records of published models.

Nothing here needs more than a TOML parser, so that listing a shelf takes no time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli

from zoo.errors import ShelfError
from zoo.recipe.suggestions import nearest
from zoo.shelf.names import check_name
from zoo.shelf.shelves import Shelf, shelves

SCHEMA_VERSION = 2
"""The newest card this version of the zoo understands; cards of schema 1 have no `reference` and no `data.ranges`."""

LARGEST_BYTES = 1 << 20

_TABLES = frozenset(
    {
        *("stages", "data", "weights", "metrics", "floor", "evaluated"),
        *("timing", "published", "reference", "versions", "citation"),
    }
)

_NEEDED = {"recipe": str, "recipe_digest": str, "detector": str, "scheme": str, "files": dict}


@dataclass(frozen=True)
class Card:
    """One card, as it is written or with what is wrong with it."""

    name: str
    shelf: Shelf
    table: Mapping[str, Any]
    problem: str | None = None
    """Why the model cannot be used, in one line; None for a good card."""

    @property
    def file(self) -> Path:
        """Where the card lies."""
        return self.shelf.card_file(self.name)

    @property
    def folder(self) -> Path:
        """Where the model's files lie."""
        return self.shelf.folder(self.name)

    def megabytes(self) -> float:
        """What the model's files take of the disk."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file()) / 1e6

    def number(self, *keys: str) -> float | None:
        """A number somewhere in the card; None where there is none."""
        value = self._at(keys)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def text(self, *keys: str) -> str | None:
        """A text somewhere in the card; None where there is none."""
        value = self._at(keys)
        return value if isinstance(value, str) else None

    def _at(self, keys: tuple[str, ...]) -> Any:
        value: Any = self.table
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


def all_cards(registry: Path | None = None) -> list[Card]:
    """Every card of every shelf, by name; of two with the same name that of the shelf searched first.

    Raises:
        ShelfError: the folder given as `registry` is no shelf.
    """
    cards: dict[str, Card] = {}
    for shelf in shelves(registry):
        for name in shelf.names():
            if name not in cards:
                cards[name] = read_card(shelf, name)
    return [cards[name] for name in sorted(cards)]


def find_card(name: str, registry: Path | None = None) -> Card:
    """The card of a model.

    Raises:
        ShelfError: there is no such model, or its card cannot be used; one line.
    """
    check_name(name)
    searched = shelves(registry)
    for shelf in searched:
        if shelf.card_file(name).is_file():
            card = read_card(shelf, name)
            if card.problem is not None:
                raise ShelfError(f"{card.file}: {card.problem}")
            return card
    names = {other for shelf in searched for other in shelf.names()}
    meant = nearest(name, sorted(names), 1)
    advice = f"; did you mean {meant[0]}?" if meant else "; `zoo list` shows them" if names else "; it is empty"
    raise ShelfError(f"{name}: no such model on the shelf{advice}")


def read_card(shelf: Shelf, name: str) -> Card:
    """One card; what is wrong with it is said in `problem`."""
    file = shelf.card_file(name)
    try:
        if file.stat().st_size > LARGEST_BYTES:
            return Card(name, shelf, {}, "not a card: too large")
        table = tomli.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        return Card(name, shelf, {}, f"cannot be read: {error.strerror or error}")
    except (ValueError, RecursionError):
        return Card(name, shelf, {}, "not a card: no valid TOML")
    return Card(name, shelf, table, _problem(name, table))


def _problem(name: str, table: Mapping[str, Any]) -> str | None:
    version = table.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        return "not a card: no schema_version"
    if version > SCHEMA_VERSION:
        return f"card of schema {version}, but this version of calozoo reads up to {SCHEMA_VERSION}; upgrade calozoo"
    for key, kind in _NEEDED.items():
        if not isinstance(table.get(key), kind):
            return f"damaged card: {key} is missing"
    for key in _TABLES:
        if not isinstance(table.get(key, {}), dict):
            return f"damaged card: {key} is no table"
    if table.get("name") != name:
        return f"damaged card: it belongs to {table.get('name')!r}"
    if not all(isinstance(digest, str) for digest in table["files"].values()):
        return "damaged card: files are not given by their sha256"
    return None
