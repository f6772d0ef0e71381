"""The energy of particles and the signal they leave: GEANT's cloud beside the generated one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zoo.detectors.detector import Detector
from zoo.report.axes import label_decades
from zoo.report.style import FAINT, GEANT, GENERATED, HEADLINE, headline

MOST = 4000
"""Points of a cloud, at most: the first ones."""

BINS = 8
"""Of the energy, for the medians."""


def clouds_figure(
    title: str,
    words: str,
    detector: Detector,
    energies: Float[np.ndarray, " N"],
    truth: Float[np.ndarray, " N"],
    generated: Float[np.ndarray, " N"],
) -> Figure:
    """A panel for GEANT and one for the generated responses, both with GEANT's medians and central 68 %.

    Args:
        title: headline.
        words: the line below.
        detector: for the units.
        energies: of the particles.
        truth: total signals of GEANT.
        generated: of the generated responses to the same particles.
    """
    width, height = 8.6, 4.0
    figure = Figure(figsize=(width, height))
    headline(figure, title, words)
    grid = figure.add_gridspec(
        1, 2, left=0.75 / width, right=1 - 0.2 / width, bottom=0.55 / height, top=1 - (HEADLINE + 0.3) / height,
        wspace=0.08,
    )  # fmt: skip
    lit = [signal[(signal > 0) & (energies > 0)] for signal in (truth, generated)]
    values = np.concatenate([lit[0], np.clip(lit[1], *_range(lit[0]))]) if len(lit[0]) else np.array([1.0])
    low, high = float(values.min()) / 1.3, float(values.max()) * 1.3
    unit = next(column.unit for column in detector.columns if column.name == "energy")
    for place, (name, signal, colour) in enumerate((("GEANT", truth, GEANT), ("generated", generated, GENERATED))):
        axes = figure.add_subplot(grid[place])
        axes.set_ylim(low, high)
        axes.set(xscale="log", yscale="log")
        axes.plot(energies[:MOST], signal[:MOST], ".", color=colour, markersize=2, alpha=0.35, markeredgewidth=0)
        _medians(axes, energies, truth)
        axes.set_title(name)
        axes.set_xlabel(f"energy of the particle, {unit}")
        label_decades(axes.xaxis, *axes.get_xlim())
        label_decades(axes.yaxis, low, high)
        dark = int((signal <= 0).sum())
        if dark:
            axes.text(0.97, 0.04, f"{dark} without signal", transform=axes.transAxes, ha="right", color=FAINT)
        if place:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel(f"signal, {detector.units}")
            axes.legend(loc="upper left")
    return figure


def _range(signal: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Where a generated outlier is cut off: a factor of 3 beyond GEANT's."""
    return float(signal.min()) / 3, float(signal.max()) * 3


def _medians(axes: Axes, energies: Float[np.ndarray, " N"], truth: Float[np.ndarray, " N"]) -> None:
    edges = np.quantile(energies, np.linspace(0, 1, BINS + 1))
    number = np.clip(np.searchsorted(edges, energies, side="right") - 1, 0, BINS - 1)
    filled = [index for index in range(BINS) if (number == index).any()]
    low, median, high = np.array([np.percentile(truth[number == index], [16, 50, 84]) for index in filled]).T
    middle = [float(np.median(energies[number == index])) for index in filled]
    spread = np.stack([median - low, high - median])
    axes.errorbar(
        middle, median, yerr=spread, fmt="o", color="white", markeredgecolor=GEANT, ecolor=GEANT, markersize=4.5,
        elinewidth=1.0, label="GEANT: median, central 68 %",
    )  # fmt: skip
