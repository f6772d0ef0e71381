"""Learning curves: the loss of every stage, and how good its responses were on the validation split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zoo.report.axes import label_decades
from zoo.report.rounding import number
from zoo.report.style import FAINT, GENERATED, GREEN, HEADLINE, INK, SERIES, headline

Lines = Sequence[Mapping[str, Any]]

SMOOTHING = 0.08
"""Half width of the moving average, in parts of the way from the start: even on a logarithmic axis."""

WIDE = 4.0
"""Ratio of the largest to the smallest loss from which on its axis is logarithmic."""


def learning_figure(title: str, words: str, result: Mapping[str, Any], lines: Lines) -> Figure | None:
    """A column per stage: its losses above, raw and smoothed, and the validation below; None without any line.

    Examples seen run logarithmically: a curve that still falls along such an axis says that training ten times as long
    would go on helping.

    Args:
        title: headline.
        words: the line below.
        result: the run's document, for the stages and the noise floor.
        lines: the events of `metrics.jsonl`; numbers may be None where they were not finite.
    """
    stages = list(dict.fromkeys(line["stage"] for line in lines))
    if not stages:
        return None
    width, height = max(6.6, 5.4 * len(stages)), 5.8
    figure = Figure(figsize=(width, height))
    headline(figure, title, words)
    axes = figure.subplots(
        2, len(stages), squeeze=False, sharex="col",
        gridspec_kw={
            "left": 0.75 / width, "right": 1 - 0.2 / width, "bottom": 0.55 / height,
            "top": 1 - (HEADLINE + (0.3 if len(stages) > 1 else 0.1)) / height, "hspace": 0.06, "wspace": 0.16,
        },
    )  # fmt: skip
    shown = None
    for (upper, lower), stage in zip(axes.T, stages, strict=True):
        of_stage = [line for line in lines if line["stage"] == stage]
        scale, axis = _examples(result, stage)
        _losses(upper, [line for line in of_stage if line["event"] == "train"], scale)
        unit = _validation(lower, [line for line in of_stage if line["event"] == "validation"], scale, result)
        if unit != shown:
            lower.set_ylabel(unit)
        shown = unit
        for line in of_stage:
            if line["event"] == "diverged":
                _mark_divergence(upper, lower, scale * line["step"])
        _seen_axis(lower, [scale * line["step"] for line in of_stage if line["step"] > 0])
        if len(stages) > 1:
            upper.set_title(f"stage {stage}")
        lower.set_xlabel(axis)
    axes[0, 0].set_ylabel("training loss")
    figure.align_ylabels(axes[:, 0])
    return figure


def _examples(result: Mapping[str, Any], stage: str) -> tuple[float, str]:
    """Examples per step where they are known, else steps."""
    about = (result.get("stages") or {}).get(stage) or {}
    steps, seen = about.get("steps"), about.get("examples_seen")
    return (seen / steps, "examples seen") if steps and seen else (1.0, "steps")


def _floor(result: Mapping[str, Any]) -> float | None:
    repeats = (result.get("floor") or {}).get("repeats") or {}
    return (repeats.get("wasserstein") or {}).get("mean")


def _curve(lines: Lines, name: str, scale: float) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Where a number was finite: the examples seen, and the number."""
    points = [(scale * line["step"], line[name]) for line in lines if line.get(name) is not None]
    seen, values = np.array(points, dtype=np.float64).reshape(-1, 2).T
    return seen, values


def _losses(axes: Axes, lines: Lines, scale: float) -> None:
    names = [name for name in dict.fromkeys(name for line in lines for name in line) if name.split("/")[-1] == "loss"]
    shown = []
    for name, colour in zip(names, SERIES, strict=False):
        seen, losses = _curve(lines, name, scale)
        if len(losses):
            smooth = _smoothed(losses)
            axes.plot(seen, losses, color=colour, alpha=0.35, linewidth=0.8)
            axes.plot(seen, smooth, color=colour, linewidth=1.8, label=name.removesuffix("/loss"))
            # Single spikes must not flatten the curve.
            shown += [float(losses.min()), float(smooth.max()), float(np.percentile(losses, 99))]
    if not shown:
        _say(axes, "no finite loss")
        return
    _limit(axes, min(shown), max(shown), logarithmic=0 < WIDE * min(shown) < max(shown))
    if len(names) > 1:
        axes.legend()


def _smoothed(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Moving average over a window that widens with the number of values before it."""
    place = np.arange(len(values))
    half = np.round(SMOOTHING * place).astype(int)
    first, last = place - half, np.minimum(place + half, len(values) - 1)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return (sums[last + 1] - sums[first]) / (last + 1 - first)


def _validation(axes: Axes, lines: Lines, scale: float, result: Mapping[str, Any]) -> str:
    """What is drawn is returned: the distance of generated responses, or the loss of a model that generates none."""
    generates = not any("loss" in line for line in lines)
    floor = _floor(result)
    unit = f"mean $W_1$, {result.get('unit') or 'photon'}s" if generates else "validation loss"
    seen, distances = _curve(lines, "wasserstein" if generates else "loss", scale)
    seen, distances = seen[distances > 0], distances[distances > 0]
    if not len(distances):
        _say(axes, "no validation")
        return unit
    best = int(np.argmin(distances))
    axes.plot(seen, distances, "o-", color=GENERATED, markersize=3, linewidth=1.2, label="validation split")
    axes.plot(
        seen[best], distances[best], "o", color=INK, markersize=7, fillstyle="none", linestyle="none",
        label=f"best: {number(distances[best])}",
    )  # fmt: skip
    floor = floor if generates else None
    if floor:
        axes.axhline(
            floor, color=GREEN, linestyle="--", linewidth=1.3, label=f"GEANT floor, test split: {number(floor)}"
        )
    levels = [*distances, floor] if floor else distances
    _limit(axes, min(levels), max(levels), logarithmic=True)
    axes.legend()
    return unit


def _limit(axes: Axes, low: float, high: float, *, logarithmic: bool) -> None:
    """Room for values from `low` to `high` and a little more, with labels."""
    if logarithmic:
        margin = _margin(low, high, 0.08)
        axes.set_yscale("log")
        axes.set_ylim(low / margin, high * margin)
        label_decades(axes.yaxis, *axes.get_ylim())
    else:
        margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
        axes.set_ylim(low - margin, high + margin)


def _seen_axis(axes: Axes, seen: Sequence[float]) -> None:
    if not seen:
        return
    axes.set_xscale("log")
    margin = _margin(min(seen), max(seen), 0.03)
    axes.set_xlim(min(seen) / margin, max(seen) * margin)
    label_decades(axes.xaxis, *axes.get_xlim())


def _margin(low: float, high: float, share: float) -> float:
    """Factor beyond both ends of a logarithmic axis; a narrow one becomes wide enough for labels."""
    return max((high / low) ** share, 1.1) if high > 2 * low else 2.0


def _say(axes: Axes, words: str) -> None:
    axes.set_yticks([])
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=FAINT)


def _mark_divergence(upper: Axes, lower: Axes, seen: float) -> None:
    for axes in (upper, lower):
        axes.axvline(seen, color=INK, linestyle=":", linewidth=1.2)
    upper.text(seen, 0.95, "not finite  ", transform=upper.get_xaxis_transform(), ha="right", va="top")
