"""Readout channels: the distribution of every channel sum, generated and simulated, with their ratio."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from zoo.detectors.detector import Detector
from zoo.evaluation.binning import Binning, photon_bins
from zoo.evaluation.metrics.wasserstein import wasserstein
from zoo.report.axes import label_decades, place_ticks
from zoo.report.rounding import count, number, with_spread
from zoo.report.style import BAND, GEANT, GENERATED, GREY, HEADLINE, headline

COLUMNS = 3

RATIO = (0.5, 1.5)
"""Range of the ratio panels; points outside are arrows at the edge."""

REACH = 1.5
"""Generated values are shown up to this multiple of GEANT's largest; the last bin holds what lies beyond."""

LEAST = 0.3
"""Lower end of the histograms, in events: a single event stands clear of the axis."""


def channels_figure(
    title: str,
    words: str,
    detector: Detector,
    result: Mapping[str, Any],
    truth: Float[np.ndarray, "N R"],
    generated: Float[np.ndarray, "K N R"],
) -> Figure:
    """One histogram per channel with a ratio panel below, and a cell with the key.

    Args:
        title: headline.
        words: the line below.
        detector: for the pixels of every channel.
        result: the run's document, for the distances it already holds.
        truth: simulated channel sums.
        generated: generated ones of every repeat; drawn with the weight 1/K.
    """
    channels = truth.shape[1]
    columns = min(COLUMNS, channels + 1)
    rows = math.ceil((channels + 1) / columns)
    width, height = 4.2 * columns + 0.6, 3.3 * rows + HEADLINE + 0.1
    figure = Figure(figsize=(width, height))
    headline(figure, title, words)
    grid = figure.add_gridspec(
        rows, columns, left=0.7 / width, right=1 - 0.15 / width, bottom=0.5 / height,
        top=1 - (HEADLINE + 0.1) / height, wspace=0.16, hspace=0.24,
    )  # fmt: skip
    distances = _distances(result, truth, generated)
    for channel, distance in enumerate(distances):
        upper, lower = _panels(figure, grid[divmod(channel, columns)], truth[:, channel], generated[..., channel])
        upper.text(
            0.97,
            0.94,
            f"channel {channel + 1}" if channels > 1 else "whole detector",
            **_corner(upper),
            fontweight="bold",
        )
        upper.text(0.97, 0.85, f"$W_1$ = {number(distance)} {detector.units}", **_corner(upper))
        if len(detector.readout) == channels > 1:
            icon(upper, detector.readout[channel])
        lower.set_xlabel(detector.units)
        if channel % columns == 0:
            upper.set_ylabel("events per bin")
            lower.set_ylabel("ratio")
            figure.align_ylabels([upper, lower])
    _key(figure.add_subplot(grid[divmod(channels, columns)]), result, generated, detector.units)
    return figure


def _distances(
    result: Mapping[str, Any], truth: Float[np.ndarray, "N R"], generated: Float[np.ndarray, "K N R"]
) -> list[float]:
    """Wasserstein distance of every channel: the evaluation's, or else that of these arrays."""
    known = ((result.get("metrics") or {}).get("wasserstein") or {}).get("channels") or []
    if len(known) == truth.shape[1]:
        return list(known)
    return [
        float(np.mean([wasserstein(true, repeat) for repeat in made]))
        for true, made in zip(truth.T, generated.transpose(2, 0, 1), strict=True)
    ]


def _panels(
    figure: Figure, cell: SubplotSpec, truth: Float[np.ndarray, " N"], generated: Float[np.ndarray, "K N"]
) -> tuple[Axes, Axes]:
    """Histograms and their ratio."""
    halves = cell.subgridspec(2, 1, height_ratios=(3, 1), hspace=0.0)
    upper = figure.add_subplot(halves[0])
    lower = figure.add_subplot(halves[1], sharex=upper)
    reach = REACH * max(float(truth.max()), 1.0)
    binning = photon_bins(np.concatenate([truth, np.minimum(generated, reach).reshape(-1)]))
    simulated, made = binning.count(truth), binning.count(generated.reshape(-1)) / len(generated)
    _histograms(upper, binning, simulated, made)
    _ratio(lower, binning, simulated, made, len(generated))
    photon_axis(lower, binning)
    upper.tick_params(axis="x", which="both", bottom=False, labelbottom=False)
    beyond = binning.beyond(generated)
    if beyond > 0:
        upper.text(0.97, 0.76, f"{number(100 * beyond, 2)} % beyond, in the last bin", **_corner(upper))
    return upper, lower


def _corner(axes: Axes) -> dict[str, Any]:
    return {"transform": axes.transAxes, "ha": "right", "va": "top"}


def _histograms(
    axes: Axes, binning: Binning, simulated: Float[np.ndarray, " b"], made: Float[np.ndarray, " b"]
) -> None:
    axes.stairs(made, binning.edges, fill=True, color=GENERATED, alpha=0.18, linewidth=0)
    axes.stairs(made, binning.edges, color=GENERATED, linewidth=1.5)
    some = simulated > 0
    errors = np.sqrt(simulated[some])
    # A bin of one event would reach down to zero, which a logarithmic axis has not.
    downward = np.minimum(errors, 0.999 * simulated[some])
    axes.errorbar(
        binning.centres[some], simulated[some], yerr=[downward, errors],
        fmt="o", color=GEANT, markersize=3.2, elinewidth=1, zorder=3,
    )  # fmt: skip
    axes.set_yscale("log")
    top = max(float(simulated.max()), float(made.max()))
    # Headroom for the words in the corner.
    axes.set_ylim(LEAST, LEAST * (top / LEAST) ** 1.45)
    label_decades(axes.yaxis, 1.0, axes.get_ylim()[1])


def _ratio(
    axes: Axes, binning: Binning, simulated: Float[np.ndarray, " b"], made: Float[np.ndarray, " b"], repeats: int
) -> None:
    some = simulated > 0
    relative = np.where(some, 1 / np.sqrt(np.where(some, simulated, 1)), np.nan)
    axes.stairs(1 + relative, binning.edges, baseline=1 - relative, fill=True, color=BAND, linewidth=0)
    axes.axhline(1, color=GREY, linewidth=0.8)
    centres, ratio = binning.centres[some], made[some] / simulated[some]
    errors = np.sqrt(made[some] / repeats) / simulated[some]
    low, high = RATIO
    inside = (ratio >= low) & (ratio <= high)
    axes.errorbar(
        centres[inside], ratio[inside], yerr=errors[inside],
        fmt="o", color=GENERATED, markersize=3.2, elinewidth=1, zorder=3,
    )  # fmt: skip
    for beyond, marker, edge in ((ratio < low, "v", low + 0.07), (ratio > high, "^", high - 0.07)):
        axes.plot(
            centres[beyond], np.full(beyond.sum(), edge), marker, color=GENERATED, markersize=4, markeredgewidth=0
        )
    axes.set_ylim(*RATIO)
    axes.yaxis.set_major_locator(FixedLocator([0.75, 1, 1.25]))


def photon_axis(axes: Axes, binning: Binning) -> None:
    """The axis of photons below a histogram."""
    axes.set_xlim(binning.edges[0], binning.edges[-1])
    if not binning.logarithmic:
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        return
    axes.set_xscale("function", functions=(_log, np.expm1))
    decades = 10.0 ** np.arange(math.floor(math.log10(binning.edges[-1])) + 1)
    place_ticks(axes.xaxis, np.concatenate([[0.0], decades]), decades)


def _log(values: np.ndarray) -> np.ndarray:
    """log(1 + photons); what matplotlib asks for below the first edge is put just above the pole."""
    return np.log1p(np.maximum(values, -0.999))


def icon(axes: Axes, mask: Bool[np.ndarray, "H W"]) -> None:
    """The pixels of a channel, small; those of a checkerboard are too fine and become a tint."""
    height, width = mask.shape
    corner = axes.inset_axes((0.03, 0.74, 0.14, 0.22))
    tint = mask[: height // 2 * 2, : width // 2 * 2].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    corner.imshow(tint, cmap="Greys", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
    corner.set(xticks=[], yticks=[], anchor="NW")
    for side in corner.spines.values():
        side.set(color=GREY, linewidth=0.8)


def _key(axes: Axes, result: Mapping[str, Any], generated: Float[np.ndarray, "K N R"], units: str) -> None:
    axes.set_axis_off()
    repeats, events, _ = generated.shape
    handles = [
        Line2D([], [], color=GEANT, marker="o", markersize=4, linestyle="none", label="GEANT"),
        Patch(facecolor=GENERATED + "2e", edgecolor=GENERATED, linewidth=1.5, label="generated"),
        Patch(facecolor=BAND, label="statistical error of GEANT"),
    ]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(0.06, 0.97), fontsize=11, borderaxespad=0)
    words = [f"{count(events, 'event')}, {count(repeats, 'response')} generated to each"]
    found = (result.get("metrics") or {}).get("wasserstein")
    floor = ((result.get("floor") or {}).get("repeats") or {}).get("wasserstein")
    if found is not None:
        words.append(f"mean $W_1$ = {with_spread(found['mean'], found['std'])} {units}")
    if floor is not None:
        words.append(f"GEANT floor: {with_spread(floor['mean'], floor['std'])} {units}")
    axes.text(0.075, 0.62, "\n".join(words), transform=axes.transAxes, va="top", fontsize=11, linespacing=1.7)
