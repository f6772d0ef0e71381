"""Maps of particles and of channel sums, coloured by kind of particle and by brightest quadrant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zoo.report.data.kinds import COLOURS, DARK, OTHERS, colours, sign
from zoo.report.style import HEADLINE, headline

SIDE, KEY = 3.4, 1.35
"""Inches of a map, and of the key beside a row of them."""

TITLES = {"particles": "different particles, their standardised columns", "channels": "events, ln(1 + channel sums)"}

Colouring = tuple[str, Int[np.ndarray, " n"], Mapping[int, tuple[str, str]]]
"""What colours mean (empty where all points are alike), the class of every point, and label and colour of the classes;
all others are grey."""


def embeddings_figure(
    title: str, words: str, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> Figure | None:
    """A row per kind of point and colouring, a column per method; None where nothing is mapped.

    Args:
        title: headline.
        words: the line below.
        document: the description's.
        arrays: `embedding/<what>/<method>` (n, 2), `species/<what>` and `brightest/<what>` (n,).
    """
    rows = [
        (what, colouring)
        for what in document.get("embeddings") or {}
        for colouring in _colourings(what, document, arrays)
    ]
    if not rows:
        return None
    methods = list(dict.fromkeys(name.split("/")[2] for name in arrays if name.startswith("embedding/")))
    key = KEY if any(colouring[0] for _, colouring in rows) else 0.0
    width = len(methods) * (SIDE + 0.15) + key + 0.5
    height = HEADLINE + len(rows) * (SIDE + 0.45) + 0.1
    figure = Figure(figsize=(width, height))
    headline(figure, title, words)
    for row, (what, colouring) in enumerate(rows):
        bottom = height - HEADLINE - (row + 1) * (SIDE + 0.45) + 0.1
        axes: Axes | None = None
        for place, method in enumerate(methods):
            left = 0.4 + place * (SIDE + 0.15)
            axes = figure.add_axes((left / width, bottom / height, SIDE / width, SIDE / height))
            _map(axes, arrays[f"embedding/{what}/{method}"], colouring)
            axes.set_title(_method(method, what, document["embeddings"][what]))
            if place == 0:
                axes.set_ylabel(TITLES[what])
        if axes is not None and colouring[0]:
            axes.legend(
                title=colouring[0], loc="upper left", bbox_to_anchor=(1.01, 1.02), handletextpad=0.1, alignment="left",
                markerscale=3.0, labelspacing=0.35, title_fontsize=9,
            )  # fmt: skip
    return figure


def _method(method: str, what: str, found: Mapping[str, Any]) -> str:
    if method == "PCA":
        return f"PCA, {100 * sum(found['explained']):.0f} % of the variance"
    drawn = "" if found["points"] == found["of"] else f" of {found['of']:,}"
    return f"{method}, {found['points']:,}{drawn} {'particles' if what == 'particles' else 'events'}"


def _colourings(what: str, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> list[Colouring]:
    found: list[Colouring] = []
    if f"species/{what}" in arrays:
        known = {pdg: (sign(pdg), colour) for pdg, colour in colours(document["species"]).items()}
        found.append(("particle", arrays[f"species/{what}"], known))
    if f"brightest/{what}" in arrays:
        classes = arrays[f"brightest/{what}"]
        lit = {int(channel): f"channel {channel}" for channel in np.unique(classes[classes > 0])}
        known = {channel: (label, COLOURS[(channel - 1) % len(COLOURS)]) for channel, label in lit.items()}
        if (classes == 0).any():
            known[0] = ("all dark", DARK)
        found.append(("brightest", classes, known))
    if not found:
        points = next(len(array) for name, array in arrays.items() if name.startswith(f"embedding/{what}/"))
        found.append(("", np.zeros(points, int), {0: ("all", COLOURS[0])}))
    return found


def _map(axes: Axes, points: Float[np.ndarray, "n 2"], colouring: Colouring) -> None:
    _, classes, known = colouring
    style: dict[str, Any] = {"s": 5 if len(points) > 1000 else 9, "linewidths": 0, "alpha": 0.75}
    other = ~np.isin(classes, list(known))
    for kind, (label, colour) in known.items():
        own = classes == kind
        if not own.any():
            continue
        axes.scatter(*points[own].T, color=colour, label=label, **style)
    if other.any():
        axes.scatter(*points[other].T, color=OTHERS, label="others", **style)
    axes.set(xticks=[], yticks=[])
    axes.margins(0.04)
