"""Mean profiles of showers about the expected hit, generated and simulated."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from zoo.detectors.detector import Detector
from zoo.report.axes import label_decades
from zoo.report.style import GEANT, GENERATED, GREY, HEADLINE, headline

DEEPEST = 1e-4
"""Of the peak, where the axis ends at the latest."""

RATIO = (0.5, 1.5)


def profiles_figure(
    title: str,
    words: str,
    detector: Detector,
    truth: Float[np.ndarray, "2 K"],
    generated: Float[np.ndarray, "R 2 K"],
) -> Figure:
    """Rows to the left, columns to the right; below the ratio.

    Args:
        title: headline.
        words: the line below.
        detector: for the unit.
        truth: GEANT's mean signal per row and per column, at every distance from `-K // 2` to `K // 2` pixels.
        generated: the same of every repeat.
    """
    width, height = 8.6, 4.2
    figure = Figure(figsize=(width, height))
    headline(figure, title, "  ·  ".join(filter(None, [words, "mean over the test events, about the expected hit"])))
    grid = figure.add_gridspec(
        2, 2, height_ratios=(3, 1), left=0.75 / width, right=1 - 0.2 / width, bottom=0.55 / height,
        top=1 - (HEADLINE + 0.3) / height, wspace=0.08, hspace=0.0,
    )  # fmt: skip
    made = generated.mean(axis=0)
    away = np.arange(truth.shape[1]) - truth.shape[1] // 2
    peak = max(float(truth.max()), float(made.max()), 1e-9)
    seen = np.flatnonzero((truth > DEEPEST * peak).any(axis=0) | (made > DEEPEST * peak).any(axis=0))
    reach = int(np.abs(away[seen]).max()) + 1 if len(seen) else len(away) // 2
    for axis, name in enumerate(("rows", "columns")):
        upper = figure.add_subplot(grid[0, axis])
        lower = figure.add_subplot(grid[1, axis], sharex=upper)
        for values, colour, label in ((truth[axis], GEANT, "GEANT"), (made[axis], GENERATED, "generated")):
            upper.step(away, np.maximum(values, 0.1 * DEEPEST * peak), where="mid", color=colour, label=label)
        upper.set(yscale="log", xlim=(-reach, reach), ylim=(DEEPEST * peak, 2 * peak))
        label_decades(upper.yaxis, DEEPEST * peak, 2 * peak)
        upper.set_title(name)
        upper.tick_params(axis="x", which="both", bottom=False, labelbottom=False)
        known = truth[axis] > DEEPEST * peak
        lower.axhline(1.0, color=GREY, linewidth=0.8)
        lower.step(away[known], (made[axis] / np.maximum(truth[axis], 1e-12))[known], where="mid", color=GENERATED)
        lower.set_ylim(RATIO)
        lower.set_yticks([0.75, 1.0, 1.25])
        lower.set_xlabel("pixels from the expected hit")
        if axis:
            upper.tick_params(labelleft=False)
            lower.tick_params(labelleft=False)
        else:
            upper.legend(loc="upper left")
            upper.set_ylabel(f"{detector.units} per row or column")
            lower.set_ylabel("ratio")
            figure.align_ylabels([upper, lower])
    return figure
