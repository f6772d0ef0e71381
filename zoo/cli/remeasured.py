"""Metrics as a card has them beside what they are now, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from zoo.report.rounding import number
from zoo.report.text import table

if TYPE_CHECKING:
    from zoo.runner.remeasure import Remeasured


def lines(found: Iterable[Remeasured]) -> list[str]:
    """One line per metric, under a head."""
    rows = [
        [each.name, number(each.published, 4), number(each.now, 4), "" if each.agrees else "DIFFERS"] for each in found
    ]
    return table(["metric", "published", "now", ""], rows)
