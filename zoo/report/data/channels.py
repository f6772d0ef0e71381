"""Histograms of the channel sums, and of their total."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zoo.detectors.detector import Detector
from zoo.evaluation.description.numbers import binning
from zoo.report.axes import label_decades
from zoo.report.channels import LEAST, icon, photon_axis
from zoo.report.rounding import number
from zoo.report.style import BLUE, FAINT, HEADLINE, headline

ACROSS = 3


def sums_figure(
    title: str, words: str, detector: Detector, total: Mapping[str, Any], channels: Sequence[Mapping[str, Any]]
) -> Figure:
    """A panel per channel, and one for the whole detector.

    Args:
        title: headline.
        words: the line below.
        detector: for the pixels of every channel.
        total: numbers and histogram of the sum over all pixels.
        channels: of the description's document.
    """
    # A single channel is the whole detector.
    channels = channels if len(channels) > 1 else []
    panels = [(f"channel {channel['channel']}", channel) for channel in channels] + [("whole detector", total)]
    across = min(ACROSS, len(panels))
    down = math.ceil(len(panels) / across)
    width, height = max(3.7 * across, 6.0) + 0.5, 2.6 * down + HEADLINE + 0.15
    figure = Figure(figsize=(width, height))
    headline(figure, title, words)
    grid = figure.add_gridspec(
        down, across, left=0.75 / width, right=1 - 0.2 / width, bottom=0.5 / height,
        top=1 - (HEADLINE + 0.15) / height, wspace=0.2, hspace=0.36,
    )  # fmt: skip
    for place, (name, numbers) in enumerate(panels):
        axes = figure.add_subplot(grid[divmod(place, across)])
        _histogram(axes, numbers["histogram"])
        axes.set_xlabel(detector.units)
        lines = [f"mean {number(numbers['mean'])}, std {number(numbers['std'])}"]
        if numbers.get("dark"):
            lines.append(f"dark in {number(100 * numbers['dark'], 2)} %")
        axes.text(0.97, 0.95, name, transform=axes.transAxes, ha="right", va="top", fontweight="bold")
        axes.text(
            0.97, 0.86, "\n".join(lines), transform=axes.transAxes, ha="right", va="top", color=FAINT, fontsize=8.5,
            linespacing=1.4,
        )  # fmt: skip
        if place < len(channels):
            icon(axes, detector.readout[place])
        if place % across == 0:
            axes.set_ylabel("events per bin")
    return figure


def _histogram(axes: Axes, histogram: dict[str, Any]) -> None:
    bins, counts = binning(histogram), np.array(histogram["counts"], dtype=np.float64)
    axes.stairs(counts, bins.edges, fill=True, color=BLUE, alpha=0.25, linewidth=0, baseline=LEAST)
    axes.stairs(counts, bins.edges, color=BLUE, linewidth=1.3, baseline=LEAST)
    axes.set_yscale("log")
    # Headroom for the words in the corner.
    axes.set_ylim(LEAST, LEAST * (max(float(counts.max()), 1.0) / LEAST) ** 1.5)
    label_decades(axes.yaxis, 1.0, axes.get_ylim()[1])
    photon_axis(axes, bins)
