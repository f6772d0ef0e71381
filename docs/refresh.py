"""Writes what the README shows of the shelf, after `zoo publish` or `compact`: `.venv/bin/python docs/refresh.py`.

The table is the output of `zoo list`; the picture is the gallery's of the detector with the most models.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from zoo.report.gallery.entry import Entry
from zoo.report.gallery.groups import Group, groups
from zoo.report.gallery.pareto import save_pareto
from zoo.shelf.card import read_card
from zoo.shelf.files import write_text
from zoo.shelf.shelves import Shelf, clone

README = clone() / "README.md"
PICTURE = clone() / "docs" / "images" / "shelf.png"

_BLOCK = re.compile(r"(?<=<!-- zoo list -->\n)```\n.*?```\n", re.DOTALL)


def table() -> str:
    """What `zoo list` prints in a clone, of the models that are in it and of no other shelf."""
    elsewhere = {name: value for name, value in os.environ.items() if name != "ZOO_HOME"}
    command = [sys.executable, "-c", "import sys; from zoo.cli import main; sys.exit(main(['list']))"]
    printed = subprocess.run(command, cwd=clone(), env=elsewhere, check=True, capture_output=True, text=True).stdout
    return f"```\n{printed.rstrip()}\n```\n"


def refreshed(text: str) -> str:
    """The README with the table as it is now."""
    new, count = _BLOCK.subn(lambda _: table(), text)
    assert count == 1, "the README has lost its table, or the comment above it"
    return new


def largest() -> Group:
    """The leaderboard with the most models."""
    shelf = Shelf(clone())
    cards = [read_card(shelf, name) for name in shelf.names()]
    return groups([Entry(card) for card in cards if card.problem is None])[0]


if __name__ == "__main__":
    write_text(README, refreshed(README.read_text(encoding="utf-8")))
    save_pareto(largest().entries, PICTURE)
