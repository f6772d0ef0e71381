"""The one style of all pictures: colours, type, and how a picture becomes a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

INK = "#1a1a1a"
FAINT = "#5c5c5c"
GREY = "#8c8c8c"
BAND = "#d9d9d9"
BLUE = "#0072b2"
GREEN = "#00875f"

GEANT = INK
GENERATED = "#d55e00"
SERIES = (BLUE, "#cc79a7", "#b8860b", "#56b4e9", GENERATED, GREY)
"""Curves of one panel, in this order (after Okabe and Ito: told apart by every eye)."""

DPI = 160

HEADLINE = 0.56
"""Inches that the headline takes from the top of a figure."""

# The type of the keys differs between versions of matplotlib.
_RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "mathtext.fontset": "dejavusans",
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 6,
    "axes.labelsize": 10,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.major.size": 5,
    "ytick.major.size": 5,
    "xtick.minor.size": 2.5,
    "ytick.minor.size": 2.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.formatter.useoffset": False,
}


@contextmanager
def zoo_style() -> Iterator[None]:
    """Figures made inside look like the zoo's, whatever the user's own matplotlib settings are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def headline(figure: Figure, title: str, words: str = "") -> None:
    """A bold title in the upper left corner, with fainter words in the line below; takes `HEADLINE` inches."""
    height = figure.get_figheight()
    figure.text(0.12 / figure.get_figwidth(), 1 - 0.1 / height, title, va="top", fontsize=13, fontweight="bold")
    figure.text(0.12 / figure.get_figwidth(), 1 - 0.35 / height, words, va="top", fontsize=9.5, color=FAINT)


def save(figure: Figure, path: Path, source: str | None = None) -> Path:
    """Write a PNG aside, then rename; nothing is left behind when drawing fails.

    Args:
        figure: what to write.
        path: where; its folder is made if need be.
        source: what the picture was made of, kept in the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        figure.savefig(aside, format="png", dpi=DPI, metadata={"Software": None, "Source": source})
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return path
