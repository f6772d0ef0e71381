"""Fidelity against time: every model of a detector, the noise floor of the data, and what is not dominated."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zoo.report.axes import label_decades
from zoo.report.gallery.entry import Entry
from zoo.report.gallery.labels import leader, place_labels
from zoo.report.rounding import number
from zoo.report.style import BLUE, FAINT, GENERATED, GREEN, GREY, INK, save, zoo_style

SHAPES = ("o", "s", "^", "D", "v", "P", "X")
"""Of the points, by the device their time was measured on."""

SIZE = 7.0
"""Of a point, in points."""

WIDE, TALL = (860.0, 520.0), (372.0, 560.0)
"""Pixels of 1/72 inch of the picture on a desk, and on a phone."""

CLEAR = 6.5
"""Pixels of 1/72 inch around a point that no name comes into."""

MARGIN = np.array([3.0, 1.0])
"""Width and height that a name has more than its letters."""

NARROW = 500.0
"""Pixels of a figure below which its type is smaller."""


def drawable(entries: Sequence[Entry]) -> list[Entry]:
    """Those with a time and a distance, both positive."""
    return [
        entry
        for entry in entries
        if (entry.milliseconds or 0) > 0 and (found := entry.metric("wasserstein")) is not None and found.mean > 0
    ]


def pareto_front(entries: Sequence[Entry]) -> list[Entry]:
    """The models of whole responses that no other one beats in both time and distance, the fastest first."""
    best, front = float("inf"), []
    candidates = [entry for entry in drawable(entries) if entry.whole and entry.converged]
    for entry in sorted(candidates, key=_place):
        if _place(entry)[1] < best:
            best = _place(entry)[1]
            front.append(entry)
    return front


def devices(entries: Sequence[Entry]) -> list[str]:
    """What their times were measured on, in alphabetical order."""
    return sorted({entry.device for entry in entries})


def readable(device: str) -> str:
    """A device without the marks of its maker."""
    return device.replace("(R)", "").replace("(TM)", "")


def pareto_figure(entries: Sequence[Entry], *, width: float, height: float) -> Figure | None:
    """The picture; None where there is nothing to draw.

    Both axes are logarithmic. Full points are models of whole responses, joined by a line where no other one is both
    faster and closer; hollow ones give channel sums alone. The shape of a point says the device. Vertical bars are
    95 % intervals over test events, horizontal ones reach from the shortest to the longest measurement.

    Args:
        entries: models of one detector.
        width: of the figure in pixels of 1/72 inch.
        height: the same.
    """
    shown = drawable(entries)
    if not shown:
        return None
    figure = Figure(figsize=(width / 72, height / 72))
    FigureCanvasAgg(figure)
    known = devices(shown)
    below = 46 + 15 * len(_key(shown, known))
    axes = figure.add_axes((54 / width, below / height, 1 - 64 / width, 1 - (below + 10) / height))
    axes.tick_params(labelsize=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    _limits(axes, shown)
    axes.set_xlabel("time per response, ms", fontsize=11)
    axes.set_ylabel(f"Wasserstein distance to GEANT, {shown[0].unit}s", fontsize=11)
    size = 10.0 if width >= NARROW else 9.0
    covered = [*_floor(axes, shown, size), *_front(axes, pareto_front(entries))]
    for entry in shown:
        covered += _point(axes, entry, SHAPES[known.index(entry.device) % len(SHAPES)])
    _names(figure, axes, shown, np.array(covered).reshape(-1, 4), size)
    figure.legend(
        handles=_key(shown, known), loc="lower left", bbox_to_anchor=(46 / width, 2 / height), fontsize=size,
        borderaxespad=0, labelspacing=0.35, handletextpad=0.4,
    )  # fmt: skip
    return figure


def save_pareto(entries: Sequence[Entry], path: Path) -> Path | None:
    """The picture for a desk as a PNG that holds the digest of its numbers; None where there is nothing to draw."""
    with zoo_style():
        figure = pareto_figure(entries, width=WIDE[0], height=WIDE[1])
        return None if figure is None else save(figure, path, drawn_digest(entries))


def drawn_digest(entries: Sequence[Entry]) -> str:
    """Tells whether a picture is of these cards: a digest of every number that is drawn."""
    drawn = [
        (entry.name, *_place(entry), entry.metric("wasserstein"), entry.time_range, entry.device, entry.whole)
        for entry in drawable(entries)
    ]
    return hashlib.sha256(repr((sorted(drawn), drawn and _reference(drawable(entries)))).encode()).hexdigest()


def _place(entry: Entry) -> tuple[float, float]:
    found = entry.metric("wasserstein")
    assert found is not None
    assert entry.milliseconds is not None
    return entry.milliseconds, found.mean


def _limits(axes: Axes, entries: Sequence[Entry]) -> None:
    times, distances = np.array([_place(entry) for entry in entries]).T
    reference = _reference(entries)
    levels = [*distances, *([reference[1]] if reference else [])]
    for side, low, high, share in (("x", times.min(), times.max(), 0.06), ("y", min(levels), max(levels), 0.09)):
        margin = max((high / low) ** share, 1.3)
        axes.set(**{f"{side}scale": "log", f"{side}lim": (low / margin, high * margin)})
        label_decades(axes.xaxis if side == "x" else axes.yaxis, low / margin, high * margin)


def _reference(entries: Sequence[Entry]) -> tuple[str, float, bool] | None:
    """What GEANT itself scores, in words and in number, and whether it is a floor; of the model tested the most.

    Random halves hold other particles, so a generator that knows its particle may come out below them.
    """
    entry = max(entries, key=lambda entry: entry.card.number("evaluated", "events") or 0)
    floor, halves = entry.floor("wasserstein"), entry.half("wasserstein")
    if floor is not None:
        return "noise floor: GEANT to itself", floor.mean, True
    return None if halves is None else ("random halves of GEANT", halves.mean, False)


def _floor(axes: Axes, entries: Sequence[Entry], size: float) -> Iterator[Float[np.ndarray, " 4"]]:
    """The line; yields where it and its words stand."""
    reference = _reference(entries)
    if reference is None:
        return
    words, level, is_floor = reference
    colour = GREEN if is_floor else FAINT
    if is_floor:
        axes.axhspan(axes.get_ylim()[0], level, color=colour, alpha=0.08, linewidth=0)
    axes.axhline(level, color=colour, linestyle="--" if is_floor else ":", linewidth=1.3)
    text = axes.annotate(
        f"{words}, {number(level)}", (0, level), xycoords=axes.get_yaxis_transform(), xytext=(6, -4),
        textcoords="offset points", color=colour, fontsize=size, va="top", ha="left",
    )  # fmt: skip
    yield np.array(text.get_window_extent().extents)
    yield _box(axes, (axes.get_xlim()[0], level), (axes.get_xlim()[1], level), 2.0)


def _front(axes: Axes, front: Sequence[Entry]) -> Iterator[Float[np.ndarray, " 4"]]:
    """Steps from model to model; yields the boxes of their lines."""
    if len(front) < 2:
        return
    places = [_place(entry) for entry in front]
    axes.step(*np.array(places).T, where="post", color=GENERATED, alpha=0.35, linewidth=6, zorder=1)
    for (fast, far), (slow, near) in pairwise(places):
        yield _box(axes, (fast, far), (slow, far), 3.0)
        yield _box(axes, (slow, far), (slow, near), 3.0)


def _point(axes: Axes, entry: Entry, shape: str) -> Iterator[Float[np.ndarray, " 4"]]:
    """The point with its bars; yields the boxes of these."""
    milliseconds, distance = _place(entry)
    found, times = entry.metric("wasserstein"), entry.time_range
    colour = GENERATED if entry.whole else BLUE
    bars = []
    if found is not None and found.interval is not None and found.interval[0] > 0:
        bars.append(((milliseconds, found.interval[0]), (milliseconds, found.interval[1])))
    if times is not None and times[0] > 0:
        bars.append(((times[0], distance), (times[1], distance)))
    for start, end in bars:
        axes.plot(*zip(start, end, strict=True), color=colour, linewidth=1.2, zorder=2)
        yield _box(axes, start, end, 1.0)
    face = colour if entry.whole else "white"
    (marker,) = axes.plot(
        milliseconds,
        distance,
        shape,
        color=colour,
        markersize=SIZE,
        markerfacecolor=face,
        markeredgewidth=1.6,
        zorder=3,
    )
    marker.set_gid(f"model-{entry.name}")


def _box(axes: Axes, one: tuple[float, float], other: tuple[float, float], width: float) -> Float[np.ndarray, " 4"]:
    """Around a line between two places of the data, on the screen."""
    ends = axes.transData.transform([one, other])
    return np.concatenate([ends.min(axis=0) - width, ends.max(axis=0) + width])


def _names(
    figure: Figure, axes: Axes, entries: Sequence[Entry], covered: Float[np.ndarray, "n 4"], size: float
) -> None:
    """A name beside every point, with a thin line to it where it could not be near."""
    scale = figure.dpi / 72
    texts = [axes.text(0, 0, _title(entry), fontsize=size, color=INK, va="bottom", ha="left") for entry in entries]
    sizes = np.array([text.get_window_extent().size for text in texts]) / scale + MARGIN
    points = axes.transData.transform([_place(entry) for entry in entries]) / scale
    frame = np.array(axes.get_window_extent().extents) / scale
    boxes = place_labels(points, sizes, frame, covered / scale, clear=CLEAR)
    back = axes.transData.inverted()
    for text, entry, point, box in zip(texts, entries, points, boxes, strict=True):
        # In a browser's narrower type the name stays where it is nearest to its point.
        side, edge = _side(point[0], box)
        x, y = back.transform(np.array([edge, box[1] + MARGIN[1] / 2]) * scale)
        text.set(position=(x, y), ha=side)
        text.set_gid(f"name-{entry.name}")
        end = leader(point, box)
        if np.hypot(*(np.array(end) - point)) > 2 * CLEAR:
            line = back.transform(np.array([point, end]) * scale)
            axes.plot(*line.T, color=GREY, linewidth=0.8, zorder=1.5)


def _side(x: float, box: Float[np.ndarray, " 4"]) -> tuple[str, float]:
    """How a name in a box is aligned that belongs to something at x, and at which x then."""
    if box[2] <= x:
        return "right", box[2] - MARGIN[0] / 2
    if box[0] >= x:
        return "left", box[0] + MARGIN[0] / 2
    return "center", (box[0] + box[2]) / 2


def _title(entry: Entry) -> str:
    return entry.name if entry.converged else f"{entry.name} (diverged)"


def _key(entries: Sequence[Entry], known: Sequence[str]) -> list[Line2D]:
    """What the points mean, in words."""

    def point(shape: str, label: str, colour: str, face: str) -> Line2D:
        return Line2D(
            [], [], color=colour, marker=shape, markersize=SIZE - 1, markerfacecolor=face, markeredgewidth=1.4,
            linestyle="none", label=label,
        )  # fmt: skip

    kinds = {entry.whole for entry in entries}
    rows = [point("o", "whole responses", GENERATED, GENERATED)] if True in kinds else []
    rows += [point("o", "channel sums only", BLUE, "white")] if False in kinds else []
    return rows + [
        point(SHAPES[place % len(SHAPES)], f"timed on {readable(device)}", FAINT, "none")
        for place, device in enumerate(known)
    ]
