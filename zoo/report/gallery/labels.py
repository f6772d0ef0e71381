"""Where the names of points go, so that none lies over another name, a point or the edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
"""Right, left, above, below, and between; the first are preferred."""

STEPS = (0.0, 10.0, 22.0, 36.0, 52.0, 70.0, 90.0)
"""How much further from its point than beside it a name may be."""

SWEEPS = 4

OUTSIDE, OVERLAP, STEP, DIRECTION = 1e6, 1e3, 1.0, 0.5
"""What it costs to leave the frame, to overlap (by the part of the smaller box that is covered), to be further away by
one unit of length, and to be in a less wanted direction."""

Boxes = Float[np.ndarray, "n 4"]
"""Rectangles as (left, bottom, right, top)."""


def place_labels(
    points: Float[np.ndarray, "n 2"],
    sizes: Float[np.ndarray, "n 2"],
    frame: Float[np.ndarray, " 4"],
    obstacles: Boxes,
    *,
    clear: float,
) -> Boxes:
    """The boxes of the names, found one after the other and then again in the light of all others; deterministic.

    Args:
        points: what is named, in any unit of length.
        sizes: width and height of every name.
        frame: the rectangle that names have to stay in.
        obstacles: what names should not cover, besides the points.
        clear: half the size of a point, and the distance of a name from it.
    """
    places = [_places(point, size, clear) for point, size in zip(points, sizes, strict=True)]
    fixed = np.concatenate([_around(points, clear), obstacles.reshape(-1, 4)])
    chosen = np.zeros((len(points), 4))
    placed: set[int] = set()
    # Those with the most neighbours have the least choice.
    crowded = np.argsort([-np.sum(np.abs(points - point) < sizes.max(axis=0)) for point in points], kind="stable")
    for _ in range(SWEEPS):
        for label in crowded.tolist():
            others = chosen[sorted(placed - {label})]
            boxes, wish = places[label]
            cost = wish + OVERLAP * (covered(boxes, others) + covered(boxes, fixed)) + OUTSIDE * _outside(boxes, frame)
            chosen[label] = boxes[int(np.argmin(cost))]
            placed.add(label)
    return chosen


def covered(boxes: Boxes, others: Boxes) -> Float[np.ndarray, " n"]:
    """How much of each box, or of the other where that is smaller, lies on others; added up over these."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=2)
    smaller = np.minimum(_area(boxes)[:, None], _area(others)[None])
    return (shared / np.maximum(smaller, 1e-12)).sum(axis=1)


def _places(
    point: Float[np.ndarray, " 2"], size: Float[np.ndarray, " 2"], clear: float
) -> tuple[Boxes, Float[np.ndarray, " n"]]:
    """All places of one name, with what is held against each for itself."""
    boxes, wishes = [], []
    for step in STEPS:
        for rank, direction in enumerate(DIRECTIONS):
            # Beside the point the name's middle is half its width away, above it half its height.
            centre = point + np.array(direction) * (size / 2 + clear + step * (1.0 if 0 in direction else 0.7))
            boxes.append(np.concatenate([centre - size / 2, centre + size / 2]))
            wishes.append(STEP * step + DIRECTION * rank)
    return np.array(boxes), np.array(wishes)


def _around(points: Float[np.ndarray, "n 2"], clear: float) -> Boxes:
    return np.concatenate([points - clear, points + clear], axis=1)


def _outside(boxes: Boxes, frame: Float[np.ndarray, " 4"]) -> Float[np.ndarray, " n"]:
    return np.maximum(frame[:2] - boxes[:, :2], 0.0).sum(axis=1) + np.maximum(boxes[:, 2:] - frame[2:], 0.0).sum(axis=1)


def _area(boxes: Boxes) -> Float[np.ndarray, " n"]:
    return np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)


def leader(point: Sequence[float], box: Float[np.ndarray, " 4"]) -> tuple[float, float]:
    """Where a line from the point meets the box of its name: the nearest spot of it."""
    return float(np.clip(point[0], box[0], box[2])), float(np.clip(point[1], box[1], box[3]))
