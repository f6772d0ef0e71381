"""Axes for numbers over orders of magnitude, with plain labels and never without any."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

LADDERS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0))
"""Labels within a decade: the first set that gives `ENOUGH` of them is taken, or the last."""

ENOUGH = 3


def label_decades(axis: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis from `low` to `high`, both positive, as plain numbers; fine ones without labels."""
    decades = 10.0 ** np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ladders = [np.outer(decades, ladder).ravel() for ladder in LADDERS]
    shown = [ticks[(ticks >= low) & (ticks <= high)] for ticks in ladders]
    place_ticks(axis, next((ticks for ticks in shown if len(ticks) >= ENOUGH), shown[-1]), decades)


def place_ticks(axis: Axis, labelled: Float[np.ndarray, " t"], decades: Float[np.ndarray, " d"]) -> None:
    """Labelled ticks, and fine ones at 2 to 9 times every decade."""
    fine = np.outer(decades, np.arange(2, 10)).ravel()
    axis.set_major_locator(FixedLocator(labelled.tolist()))
    axis.set_minor_locator(FixedLocator(fine[~np.isin(fine, labelled)].tolist()))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axis.set_minor_formatter(NullFormatter())


def short(value: float) -> str:
    """`0.3`, `20`, `5,000`, `50k`, `3M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= max(size, 1e4):
            return f"{value / size:g}{letter}"
    return f"{value:,g}"
