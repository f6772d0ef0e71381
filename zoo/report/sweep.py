"""A sweep in one picture: the Wasserstein distance of every member against what is varied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.axis import Axis as MatplotlibAxis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from zoo.report.axes import label_decades, short
from zoo.report.rounding import count, number
from zoo.report.style import FAINT, GENERATED, GREEN, GREY, HEADLINE, INK, SERIES, headline, save, zoo_style
from zoo.report.sweep_axis import Axis, axis
from zoo.report.sweep_rows import unit_of

Side = Literal["x", "y"]

METRIC = "wasserstein"

WIDE = 8.0
"""Ratio of the largest to the smallest distance from which on its axis is logarithmic."""

DECADES = 100.0
"""The same for the swept numbers; less will do where they are spaced more evenly on a logarithmic axis."""

LEAST = 4.0
"""Ratio from which on they can be so."""

MOST_TICKS = 10
"""Swept values that are all labelled on their axis."""

ROW = 0.3
"""Inches that a member takes where members are told apart by their labels."""

IN_A_LINE = 5
"""Entries of the legend."""

HOLLOW: dict[str, Any] = {"markersize": 5, "fillstyle": "none"}
"""How the last good weights of a member that did not converge are drawn."""


def draw_sweep(path: Path, document: Mapping[str, Any]) -> Path:
    """Draw `sweep.json` as a PNG file, written aside and then renamed."""
    with zoo_style():
        return save(sweep_figure(document), path)


def sweep_figure(document: Mapping[str, Any]) -> Figure:
    """Distance against the swept number, a curve per combination of the other keys; else a row per member.

    Bars are 95 % intervals over events, or the spread over repeats where there are none. Members that did not converge
    are drawn hollow, with their last good weights, or only named where there is nothing to draw.

    Args:
        document: `sweep.json`.
    """
    members = document["members"]
    along = axis(members)
    rows = along.key is None
    below = 0.7 + 0.22 * -(-(len(along.series) + 3) // IN_A_LINE)
    width, height = 7.0, HEADLINE + 0.1 + below + (ROW * len(members) + 0.1 if rows else 3.0)
    left = (0.35 + 0.078 * max(len(member["label"]) for member in members)) if rows else 0.75
    figure = Figure(figsize=(width, height))
    headline(figure, document["recipe"], _words(document, along))
    axes = figure.add_axes(
        (left / width, below / height, 1 - (left + 0.2) / width, 1 - (HEADLINE + 0.1 + below) / height)
    )
    if rows:
        _draw_rows(axes, along)
    else:
        _draw_curves(axes, along)
    distance = f"mean $W_1$, {unit_of(document)}s"
    axes.set(**{"xlabel" if rows else "ylabel": distance})
    _draw_floor(axes, members, rows=rows)
    _draw_best(axes, document, along)
    if any(not member["converged"] and _found(member) for member in members):
        axes.plot([], [], "o", color=GREY, label="last good weights", **HOLLOW)
    if handles := axes.get_legend_handles_labels()[0]:
        figure.legend(handles=handles, loc="lower center", ncols=IN_A_LINE, columnspacing=1.4)
    return figure


def _words(document: Mapping[str, Any], along: Axis) -> str:
    words = [f"mean $W_1$ against {along.key}" if along.key else "mean $W_1$ of every member"]
    words.append(count(len(document["members"]), "run"))
    found = [found for member in document["members"] if (found := _found(member))]
    if found:
        intervals = all(one.get("interval") for one in found)
        words.append("bars: 95 % interval" if intervals else "bars: spread over repeats")
    failed = sum(not member["converged"] for member in document["members"])
    if failed:
        words.append(f"{failed} did not converge")
    return "  ·  ".join(words)


def _found(member: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return (member.get("metrics") or {}).get(METRIC)


def _bar(found: Mapping[str, Any]) -> tuple[float, float]:
    """How far the bar reaches below and above the mean."""
    low, high = found.get("interval") or (found["mean"] - found["std"], found["mean"] + found["std"])
    return max(found["mean"] - low, 0.0), max(high - found["mean"], 0.0)


def _draw_curves(axes: Axes, along: Axis) -> None:
    one = len(along.series) == 1
    for (name, curve), colour in zip(along.series.items(), (GENERATED,) if one else SERIES, strict=False):
        drawn = [(x, found, member["converged"]) for x, member in curve if (found := _found(member))]
        if not drawn:
            continue
        x = np.array([place for place, _, _ in drawn], dtype=np.float64)
        y = np.array([found["mean"] for _, found, _ in drawn])
        good = np.array([converged for _, _, converged in drawn])
        axes.plot(x[good], y[good], "-", color=colour, linewidth=1.2, alpha=0.7)
        axes.errorbar(
            x, y, yerr=np.array([_bar(found) for _, found, _ in drawn]).T, fmt="none", ecolor=colour, elinewidth=1
        )
        axes.plot(x[good], y[good], "o", color=colour, markersize=5, label=name or None)
        axes.plot(x[~good], y[~good], "o", color=colour, **HOLLOW)
    places = np.array([x for curve in along.series.values() for x, _ in curve], dtype=np.float64)
    _number_axis(axes, np.unique(places))
    axes.set_xlabel(along.key or "")
    _distance_axis(axes, "y", [member for curve in along.series.values() for _, member in curve])
    missing = sorted({x for curve in along.series.values() for x, member in curve if not _found(member)})
    if missing:
        axes.plot(
            missing, [0.95] * len(missing), "x", color=INK, markersize=6, transform=axes.get_xaxis_transform(),
            label="no result",
        )  # fmt: skip


def _draw_rows(axes: Axes, along: Axis) -> None:
    [points] = along.series.values()
    for place, member in points:
        found = _found(member)
        if found is None:
            axes.text(
                0.02, place, "did not converge", transform=axes.get_yaxis_transform(), va="center", color=FAINT,
                fontsize=9, bbox={"color": "white", "pad": 1},
            )  # fmt: skip
            continue
        low, high = _bar(found)
        axes.errorbar(found["mean"], place, xerr=[[low], [high]], fmt="none", ecolor=GENERATED, elinewidth=1)
        style: dict[str, Any] = {"markersize": 5} if member["converged"] else HOLLOW
        axes.plot(found["mean"], place, "o", color=GENERATED, **style)
    axes.yaxis.set_major_locator(FixedLocator([place for place, _ in points]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda place, _: points[round(place)][1]["label"]))
    axes.set_ylim(len(points) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=GREY, alpha=0.2, linewidth=0.6)
    axes.set_axisbelow(True)
    _distance_axis(axes, "x", [member for _, member in points])


def _draw_floor(axes: Axes, members: Sequence[Mapping[str, Any]], *, rows: bool) -> None:
    """The noise floor of the data, where all members were evaluated on the same events."""
    floors = {found["floor"] for member in members if (found := _found(member)) and found.get("floor")}
    if len(floors) == 1:
        [floor] = floors
        line = axes.axvline if rows else axes.axhline
        line(floor, color=GREEN, linestyle="--", linewidth=1.3, label=f"GEANT floor: {number(floor)}")


def _draw_best(axes: Axes, document: Mapping[str, Any], along: Axis) -> None:
    for points in along.series.values():
        for place, member in points:
            if member["label"] == document["best"] and (found := _found(member)):
                x, y = (found["mean"], place) if along.key is None else (place, found["mean"])
                axes.plot(
                    x, y, "o", color=INK, markersize=10, fillstyle="none", linestyle="none",
                    label=f"best: {number(found['mean'])}",
                )  # fmt: skip


def _distance_axis(axes: Axes, side: Side, members: Sequence[Mapping[str, Any]]) -> None:
    """Room for every distance with its bar and for the floor, with labels."""
    levels = []
    for member in members:
        if found := _found(member):
            low, high = _bar(found)
            levels += [found["mean"] - low, found["mean"] + high, found.get("floor") or found["mean"]]
    if not levels:
        _axis(axes, side).set_major_locator(NullLocator())
        return
    low, high = min(levels), max(levels)
    if 0 < WIDE * low < high:
        margin = (high / low) ** 0.06
        axes.set(**{f"{side}scale": "log", f"{side}lim": (low / margin, high * margin)})
        label_decades(_axis(axes, side), low / margin, high * margin)
    else:
        margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
        axes.set(**{f"{side}lim": (max(0.0, low - margin), high + margin)})


def _axis(axes: Axes, side: Side) -> MatplotlibAxis:
    return axes.xaxis if side == "x" else axes.yaxis


def _number_axis(axes: Axes, places: Float[np.ndarray, " n"]) -> None:
    """Ticks at the swept values while there is room for them."""
    low, high = float(places[0]), float(places[-1])
    few = len(places) <= MOST_TICKS
    if _spans_decades(places):
        margin = (high / low) ** 0.05
        axes.set(xscale="log", xlim=(low / margin, high * margin))
        label_decades(axes.xaxis, *axes.get_xlim())
        if few:
            axes.xaxis.set_minor_locator(NullLocator())
    else:
        margin = 0.05 * (high - low)
        axes.set_xlim(low - margin, high + margin)
    if few:
        axes.xaxis.set_major_locator(FixedLocator(places.tolist()))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def _spans_decades(places: Float[np.ndarray, " n"]) -> bool:
    low, high = places[0], places[-1]
    if low <= 0 or high < LEAST * low:
        return False
    return high >= DECADES * low or _unevenness(np.log(places)) < _unevenness(places)


def _unevenness(places: Float[np.ndarray, " n"]) -> float:
    """Relative spread of the distances between neighbours."""
    gaps = np.diff(places)
    return float(np.std(gaps) / np.mean(gaps))
