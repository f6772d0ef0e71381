"""Diversity of every particle, and which columns drive it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from zoo.report.axes import label_decades
from zoo.report.data.kinds import OTHERS, colours, sign
from zoo.report.rounding import count
from zoo.report.style import BLUE, FAINT, HEADLINE, headline

WIDTH, HEIGHT = 11.0, 4.0

ENERGY_SPAN = 3.0
"""Ratio of the largest to the smallest energy from which on its axis is logarithmic."""


def diversity_figure(
    title: str,
    words: str,
    document: Mapping[str, Any],
    spread: Float[np.ndarray, " D"],
    energy: Float[np.ndarray, " D"] | None,
    pdg: Float[np.ndarray, " D"] | None,
) -> Figure:
    """Diversity against energy, a point per particle coloured by its kind; beside it the importances.

    Args:
        title: headline.
        words: the line below.
        document: the description's.
        spread: f(c), or without pixels the relative spread of the sum.
        energy: of the particles, GeV; a histogram takes the place of the points where there is none.
        pdg: of the particles, where known.
    """
    figure = Figure(figsize=(WIDTH, HEIGHT + HEADLINE))
    headline(figure, title, words)
    forest = document["importances"]
    bottom, top = 0.55 / (HEIGHT + HEADLINE), 1 - (HEADLINE + 0.15) / (HEIGHT + HEADLINE)
    left = figure.add_axes((0.7 / WIDTH, bottom, (6.1 if forest else 8.6) / WIDTH, top - bottom))
    pixels = document["diversity"]["pixel"] is not None
    label = "diversity f(c)" if pixels else f"spread of the {document['unit']} sum / mean"
    if energy is None:
        left.hist(spread, bins=40, color=BLUE, alpha=0.6)
        left.set(xlabel=label, ylabel="particles")
    else:
        _points(left, energy, spread, pdg, document["species"])
        left.set(xlabel="energy, GeV", ylabel=label)
    if forest:
        _bars(figure.add_axes((8.65 / WIDTH, bottom, 2.15 / WIDTH, top - bottom - 0.025)), forest)
    return figure


def _points(
    axes: Axes,
    energy: Float[np.ndarray, " D"],
    spread: Float[np.ndarray, " D"],
    pdg: Float[np.ndarray, " D"] | None,
    species: Sequence[Mapping[str, Any]],
) -> None:
    known = colours(species) if pdg is not None else {}
    style: dict[str, Any] = {"s": 14, "linewidths": 0.3, "edgecolors": "white"}
    other = np.ones(len(energy), bool) if pdg is None else ~np.isin(pdg, list(known))
    if other.any():
        label = "all" if pdg is None else "others"
        axes.scatter(energy[other], spread[other], color=BLUE if pdg is None else OTHERS, label=label, **style)
    for kind, colour in known.items():
        own = pdg == kind
        if not own.any():
            continue
        axes.scatter(energy[own], spread[own], color=colour, label=sign(kind), **style)
    if energy.min() > 0 and energy.max() > ENERGY_SPAN * energy.min():
        axes.set_xscale("log")
        label_decades(axes.xaxis, *axes.get_xlim())
    axes.set_ylim(bottom=0)
    if pdg is not None:
        handles, labels = axes.get_legend_handles_labels()
        order = sorted(range(len(labels)), key=lambda place: labels[place] == "others")
        axes.legend(
            [handles[place] for place in order], [labels[place] for place in order], loc="upper left",
            bbox_to_anchor=(1.0, 1.02), handletextpad=0.1, markerscale=1.6, labelspacing=0.35,
        )  # fmt: skip


def _bars(axes: Axes, forest: Mapping[str, Any]) -> None:
    shares = forest["features"]
    axes.barh(range(len(shares)), list(shares.values()), color=BLUE, alpha=0.6, height=0.65)
    axes.set_ylim(len(shares) - 0.4, -0.6)
    axes.yaxis.set_major_locator(FixedLocator(list(range(len(shares)))))
    axes.yaxis.set_minor_locator(NullLocator())
    names = list(shares)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda place, _: names[int(place)]))
    axes.tick_params(axis="y", length=0)
    most = max(shares.values())
    axes.set_xlim(0, 1.3 * most)
    for place, value in enumerate(shares.values()):
        axes.text(value + 0.02 * most, place, f"{value:.3f}", va="center", fontsize=8, color=FAINT)
    axes.set_xlabel("importance")
    axes.set_title(
        f"{forest['trees']} trees, {count(forest['particles'], 'particle')}, $R^2$ = {forest['r2']:.2f}", fontsize=8.5,
        loc="right", color=FAINT,
    )  # fmt: skip
