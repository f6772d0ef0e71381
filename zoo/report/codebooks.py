"""Codebooks: how often every entry is used, from the most to the least wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zoo.evaluation.metrics.usage import usage
from zoo.report.axes import label_decades
from zoo.report.rounding import number
from zoo.report.style import BAND, BLUE, FAINT, HEADLINE, INK, headline

HEADROOM = 1.8
"""Top of the axis over the largest share."""

NARROW = 0.03
"""Part of a codebook that is too small for words when it is unused; the title has the number."""


def codebooks_figure(
    title: str, words: str, result: Mapping[str, Any], codebooks: Mapping[str, Int[np.ndarray, " K"]]
) -> Figure:
    """A panel per stage with a codebook: the share of every entry, sorted, beside an even use of equal perplexity.

    Args:
        title: headline.
        words: the line below.
        result: the run's document, for what it already says of the codebooks.
        codebooks: stage to how often each entry was chosen on the test split.
    """
    panels = len(codebooks)
    width, height = 0.95 + 5.2 * panels + 0.35 * (panels - 1), HEADLINE + 3.9
    figure = Figure(figsize=(width, height))
    headline(figure, title, words)
    row = figure.subplots(
        1, panels, squeeze=False,
        gridspec_kw={
            "left": 0.8 / width, "right": 1 - 0.15 / width, "bottom": 0.55 / height,
            "top": 1 - (HEADLINE + 0.35) / height, "wspace": 0.17,
        },
    )[0]  # fmt: skip
    for axes, (stage, counts) in zip(row, codebooks.items(), strict=True):
        told = result["stages"][stage].get("codebook") or usage(counts)
        _shares(axes, counts, told)
        perplexity = number(told["perplexity"])
        axes.set_title(f"stage {stage}: perplexity {perplexity}, {told['used']:,} of {told['entries']:,} used")
        axes.set_xlabel("entries of the codebook, by rank")
    row[0].set_ylabel("share of the tokens, test split")
    return figure


def _shares(axes: Axes, counts: Int[np.ndarray, " K"], told: Mapping[str, Any]) -> None:
    entries, used, perplexity = told["entries"], told["used"], told["perplexity"]
    shares = np.sort(counts)[::-1] / counts.sum()
    top, least = HEADROOM * float(shares[0]), float(shares[used - 1])
    bottom = min(least, 1 / entries) / HEADROOM
    edges = np.arange(used + 1)
    axes.stairs(shares[:used], edges, baseline=bottom, fill=True, color=BLUE, alpha=0.3, linewidth=0)
    axes.stairs(shares[:used], edges, baseline=bottom, color=BLUE, linewidth=1.5)
    even = 1 / perplexity
    axes.plot([0, perplexity, perplexity], [even, even, bottom], color=INK, linestyle="--", linewidth=1.2)
    beside = perplexity < 0.6 * entries
    axes.annotate(
        f"as varied as {number(perplexity)} entries, used evenly", (perplexity, even),
        xytext=(6, 0) if beside else (0, 5), textcoords="offset points", fontsize=9,
        ha="left" if beside else "right", va="center" if beside else "bottom",
    )  # fmt: skip
    if used < entries:
        axes.axvspan(used, entries, color=BAND, alpha=0.6, linewidth=0)
    if entries - used > NARROW * entries:
        axes.text(
            (used + entries) / 2, 0.05, f"{entries - used:,} never used", transform=axes.get_xaxis_transform(),
            ha="center", va="bottom", color=FAINT, rotation=90 if entries - used < 0.3 * entries else 0,
        )  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylim(bottom, top)
    label_decades(axes.yaxis, bottom, top)
    axes.set_xlim(0, entries)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
