"""One colour per kind of particle, the same in all pictures of a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.report.particles import NAMES
from zoo.report.style import BAND, BLUE, GREEN, GREY

COLOURS = (BLUE, "#d55e00", GREEN, "#cc79a7", "#b8860b", "#56b4e9", "#6a3d9a")
"""Of the most frequent kinds, in order."""

OTHERS = GREY
DARK = BAND


def colours(species: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """PDG id to colour of the most frequent kinds; all others are `OTHERS`.

    Args:
        species: of the description's document, the most frequent first.
    """
    return {row["pdg"]: colour for row, colour in zip(species, COLOURS, strict=False)}


def sign(pdg: int) -> str:
    """The sign of a kind of particle."""
    return NAMES.get(pdg, str(pdg))
