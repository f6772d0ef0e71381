"""Models below each other, data sets beside each other, GEANT on top: figure 3 of the FoCal paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from zoo.detectors.detector import Detector
from zoo.report.examples import COLOURS, DARK, LIT
from zoo.report.rounding import whole
from zoo.report.style import FAINT, HEADLINE, headline

SIDE, GAP, PAUSE = 1.45, 0.06, 0.25
"""Inches: of an image, between images, and between data sets and below GEANT's row."""

LEFT, CAPTION, FOOT = 1.45, 0.3, 0.12


@dataclass(frozen=True)
class DataSet:
    """A few events of one data set, and what models make of their particles."""

    label: str
    truth: Float[np.ndarray, "E H W"]
    models: Mapping[str, Float[np.ndarray, "E H W"]]
    """Model to one response per event; a model that does not know this data set is left out."""


def model_grid_figure(title: str, words: str, detector: Detector, data_sets: Sequence[DataSet]) -> Figure:
    """A row per model in the order in which they are met, below GEANT's; the models need not know every data set.

    The responses to one particle share a logarithmic colour scale, which ends at GEANT's brightest cell.

    Args:
        title: headline.
        words: the line below.
        detector: of all the data sets.
        data_sets: from left to right.
    """
    models = list(dict.fromkeys(name for each in data_sets for name in each.models))
    rows, tall = ["GEANT", *models], SIDE * detector.shape[0] / detector.shape[1]
    across = LEFT + sum(len(each.truth) * (SIDE + GAP) for each in data_sets) + PAUSE * len(data_sets)
    down = HEADLINE + CAPTION + len(rows) * (tall + GAP) + PAUSE + FOOT
    figure = Figure(figsize=(across, down))
    headline(figure, title, "  ·  ".join(filter(None, [words, f"number in an image: its {detector.unit} sum"])))
    left = LEFT
    for each in data_sets:
        middle = left + (len(each.truth) * (SIDE + GAP) - GAP) / 2
        figure.text(middle / across, 1 - (HEADLINE + 0.08) / down, each.label, ha="center", va="top", fontweight="bold")
        for event, true in enumerate(each.truth):
            norm = LogNorm(1.0, max(10.0, float(true.max())), clip=True)
            for row, name in enumerate(rows):
                top = HEADLINE + CAPTION + row * (tall + GAP) + (PAUSE * (row > 0))
                axes = figure.add_axes((left / across, 1 - (top + tall) / down, SIDE / across, tall / down))
                axes.set(xticks=[], yticks=[])
                response = true if row == 0 else _of(each, name, event)
                if response is None:
                    axes.set_axis_off()
                    axes.text(0.5, 0.5, "no model", ha="center", va="center", color=FAINT, transform=axes.transAxes)
                    continue
                lit = np.ma.maximum(np.ma.masked_less(response, LIT), 1.0)
                axes.imshow(lit, norm=norm, cmap=COLOURS, interpolation="nearest", aspect="auto")
                axes.set_facecolor(DARK)
                axes.text(0.04, 0.04, whole(float(response.sum())), color="white", fontsize=8, transform=axes.transAxes)
            left += SIDE + GAP
        left += PAUSE
    for row, name in enumerate(rows):
        top = HEADLINE + CAPTION + row * (tall + GAP) + (PAUSE * (row > 0))
        figure.text((LEFT - 0.12) / across, 1 - (top + tall / 2) / down, name, ha="right", va="center", fontsize=10)
    return figure


def _of(data_set: DataSet, model: str, event: int) -> Float[np.ndarray, "H W"] | None:
    responses = data_set.models.get(model)
    return None if responses is None else responses[event]
