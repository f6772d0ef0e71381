"""Histograms of the particle columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from zoo.report.axes import label_decades
from zoo.report.style import BLUE, FAINT, HEADLINE, headline

ACROSS = 3

LEAST = 0.5
"""Lower end of the histograms, in events."""

ROOMY = 6
"""Values of a discrete column whose labels may be of full size."""


def columns_figure(title: str, words: str, columns: Mapping[str, Mapping[str, Any]]) -> Figure:
    """A panel per column: events per bin, or per value where there are few of them.

    Args:
        title: headline.
        words: the line below.
        columns: of the description's document.
    """
    down = math.ceil(len(columns) / ACROSS)
    width, height = 3.5 * ACROSS + 0.5, 2.5 * down + HEADLINE + 0.15
    figure = Figure(figsize=(width, height))
    headline(figure, title, words)
    grid = figure.add_gridspec(
        down, ACROSS, left=0.75 / width, right=1 - 0.2 / width, bottom=0.5 / height,
        top=1 - (HEADLINE + 0.15) / height, wspace=0.22, hspace=0.42,
    )  # fmt: skip
    for place, (name, column) in enumerate(columns.items()):
        axes = figure.add_subplot(grid[divmod(place, ACROSS)])
        histogram = column["histogram"]
        (_discrete if histogram["scale"] == "discrete" else _binned)(axes, histogram)
        _events(axes, max(histogram["counts"]))
        unit = "" if column["unit"] in ("", "1") else f", {column['unit']}"
        axes.set_xlabel(f"{column['meaning']}{unit}")
        axes.text(0.97, 0.95, name, transform=axes.transAxes, ha="right", va="top", fontweight="bold")
        values = f"{column['different']:,} value{'s' if column['different'] > 1 else ''}"
        axes.text(0.97, 0.86, values, transform=axes.transAxes, ha="right", va="top", color=FAINT, fontsize=8.5)
        if place % ACROSS == 0:
            axes.set_ylabel("events")
    return figure


def _binned(axes: Axes, histogram: Mapping[str, Any]) -> None:
    edges = np.array(histogram["edges"])
    counts = np.array(histogram["counts"], dtype=np.float64)
    axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.25, linewidth=0, baseline=LEAST)
    axes.stairs(counts, edges, color=BLUE, linewidth=1.3, baseline=LEAST)
    axes.set_xlim(edges[0], edges[-1])
    if histogram["scale"] == "log":
        axes.set_xscale("log")
        label_decades(axes.xaxis, edges[0], edges[-1])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, min_n_ticks=3))


def _discrete(axes: Axes, histogram: Mapping[str, Any]) -> None:
    """Bars side by side, whatever the distance of the values."""
    values, counts = histogram["values"], histogram["counts"]
    axes.bar(range(len(values)), np.array(counts) - LEAST, bottom=LEAST, width=0.6, color=BLUE, alpha=0.6)
    axes.set_xlim(-0.7, len(values) - 0.3)
    axes.xaxis.set_major_locator(FixedLocator(list(range(len(values)))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda place, _: f"{values[int(place)]:.3g}".replace("-", "\N{MINUS SIGN}"))
    )
    if len(values) > ROOMY:
        axes.tick_params(axis="x", labelsize=7.5)


def _events(axes: Axes, most: int) -> None:
    axes.set_yscale("log")
    # Headroom for the words in the corner.
    axes.set_ylim(LEAST, LEAST * (2 * max(most, 1)) ** 1.35)
    label_decades(axes.yaxis, 1.0, axes.get_ylim()[1])
