"""Responses to the same particles, side by side: GEANT's above, generated ones below."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from zoo.detectors.detector import Detector
from zoo.report.axes import place_ticks
from zoo.report.particles import caption
from zoo.report.rounding import whole
from zoo.report.style import FAINT, HEADLINE, headline

GENERATED_ROWS = 2

LIT = 0.5
"""Pixels below this are dark: they round to none."""

DARK = "#0b0a12"
COLOURS = ListedColormap(colormaps["inferno"](np.linspace(0.2, 1.0, 256)), "lit").with_extremes(bad=DARK)
"""A single count stands clear of the dark."""

WIDEST, TALLEST = 1.75, 2.1
"""Inches of an image, at most."""

NARROWEST = 7.0
"""Inches of the figure, at least: the headline needs them."""

GAP, PAUSE = 0.08, 0.1
"""Inches between images, and more below GEANT's row."""

LEFT, RIGHT, CAPTION, BAR = 0.4, 0.15, 0.28, 0.55
"""Inches around the images; `BAR` is for the colour bars below."""


def examples_figure(
    title: str,
    words: str,
    detector: Detector,
    truth: Float[np.ndarray, "E H W"],
    generated: Float[np.ndarray, "K E H W"],
    particles: Float[np.ndarray, "E P"],
) -> Figure:
    """A column per particle: GEANT's response and the first generated ones, on one logarithmic colour scale.

    The scale ends at GEANT's brightest pixel, so that a generator's outlier cannot darken the rest.

    Args:
        title: headline.
        words: the line below.
        detector: for the pixel pitch and the names of the particle columns.
        truth: simulated responses.
        generated: generated ones of every repeat.
        particles: what was shot, in the detector's columns.
    """
    rows = [("GEANT", truth), *(("generated", responses) for responses in generated[:GENERATED_ROWS])]
    return responses_figure(title, words, detector, rows, particles, truth.max(axis=(1, 2)))


def responses_figure(
    title: str,
    words: str,
    detector: Detector,
    rows: Sequence[tuple[str, Float[np.ndarray, "E H W"]]],
    particles: Float[np.ndarray, "E P"],
    brightest: Float[np.ndarray, " E"],
) -> Figure:
    """A column per particle, with a colour scale of its own below.

    Args:
        title: headline.
        words: the line below.
        detector: for the pixel pitch and the names of the particle columns.
        rows: what stands beside each row of responses, and these; the first row stands a little apart.
        particles: what was shot, in the detector's columns.
        brightest: counts at the end of each colour scale.
    """
    shape = rows[0][1].shape
    height = min(TALLEST, WIDEST * shape[1] / shape[2])
    width = height * shape[2] / shape[1]
    across = max(NARROWEST, LEFT + len(particles) * (width + GAP) - GAP + RIGHT)
    down = HEADLINE + CAPTION + len(rows) * (height + GAP) + PAUSE + BAR
    figure = Figure(figsize=(across, down))
    headline(figure, title, "  ·  ".join(filter(None, [words, f"number in an image: its {detector.unit} sum"])))
    for event, particle in enumerate(particles):
        end = max(10.0, float(brightest[event]))
        left = LEFT + event * (width + GAP)
        for row, (label, responses) in enumerate(rows):
            top = HEADLINE + CAPTION + row * (height + GAP) + (PAUSE if row else 0.0)
            axes = figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
            _response(axes, responses[event], end)
            if row == 0:
                axes.set_title(caption(particle, detector), loc="center")
            if event == 0:
                axes.set_ylabel(label, fontsize=10.5)
            if event == row == 0:
                _ruler(axes, detector)
        place = figure.add_axes((left / across, (BAR - 0.12) / down, width / across, 0.1 / down))
        _colour_bar(figure, place, end, any(float(responses[event].max()) > end for _, responses in rows))
        if event == 0:
            place.set_xlabel(detector.units, color=FAINT, fontsize=8.5, loc="left", labelpad=1)
    return figure


def _response(axes: Axes, response: Float[np.ndarray, "H W"], brightest: float) -> None:
    lit = np.ma.masked_less(response, LIT)
    axes.imshow(
        np.ma.maximum(lit, 1.0), norm=LogNorm(1.0, brightest), cmap=COLOURS, interpolation="nearest", aspect="auto"
    )
    axes.set(xticks=[], yticks=[])
    _write(axes, 0.04, 0.035, whole(float(response.sum())), "left")


def _ruler(axes: Axes, detector: Detector) -> None:
    """A bar of a round length along the columns, a sixth of the image or more."""
    width = detector.shape[1] * detector.pitch[1]
    decade = 10 ** math.floor(math.log10(width / 6))
    length = next(step * decade for step in (1, 2, 5, 10) if step * decade >= width / 6)
    axes.plot([0.95 - length / width, 0.95], [0.05] * 2, color="white", linewidth=1.5, transform=axes.transAxes)
    _write(axes, 0.95, 0.075, f"{length:g} cm", "right")


def _write(axes: Axes, x: float, y: float, text: str, side: str) -> None:
    """White words on an image, legible over lit pixels too."""
    outlined = [withStroke(linewidth=2, foreground=DARK)]
    axes.text(
        x, y, text, transform=axes.transAxes, color="white", fontsize=8.5, ha=side, va="bottom", path_effects=outlined
    )


def _colour_bar(figure: Figure, place: Axes, brightest: float, brighter: bool) -> None:
    scale = ScalarMappable(LogNorm(1.0, brightest), COLOURS)
    extend = "max" if brighter else "neither"
    bar = figure.colorbar(scale, cax=place, orientation="horizontal", extend=extend, extendfrac=0.05)
    bar.outline.set_linewidth(0.5)
    decades = 10.0 ** np.arange(math.floor(math.log10(brightest)) + 1)
    place_ticks(place.xaxis, decades, decades)
    place.set_xlim(1.0, brightest)
    # Labels at the ends stay within the bar, clear of the neighbours'.
    labels = place.get_xticklabels()
    labels[0].set_horizontalalignment("left")
    if decades[-1] > 0.8 * brightest:
        labels[-1].set_horizontalalignment("right")
    place.tick_params(labelsize=8, which="major", length=3, direction="out", pad=2)
    place.tick_params(which="minor", length=1.5, direction="out")
