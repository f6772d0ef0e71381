"""How much responses to the same particle differ, particle by particle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from zoo.evaluation.description.measured import Measured
from zoo.evaluation.groups import frequent
from zoo.evaluation.metrics.diversity import MINIMUM_EVENTS, spread_of_pixels, spread_of_sums

MOST = 4000
"""Particles that are looked at; the pixel sums of more would not fit into memory."""

SEED = 42


@dataclass(frozen=True, eq=False)
class Diversity:
    """Particles with at least `MINIMUM_EVENTS` responses, in the order of their numbers."""

    groups: Int[np.ndarray, " D"]
    """Number of the particle, as in `Events.groups`."""
    pixel: Float[np.ndarray, " D"] | None
    """f(c), see `PixelSpread`; None without pixels."""
    photon_sum: Float[np.ndarray, " D"]
    """Standard deviation of the photon sum over its mean."""

    @property
    def measure(self) -> Float[np.ndarray, " D"]:
        """f(c), or without pixels the relative spread of the photon sum."""
        return self.photon_sum if self.pixel is None else self.pixel


def diversity(measured: Measured) -> Diversity:
    """Both spreads of every particle with enough responses (of `MOST` of them, drawn at random)."""
    groups = measured.events.groups
    chosen = np.flatnonzero(measured.repeats >= MINIMUM_EVENTS)
    if len(chosen) > MOST:
        chosen = np.sort(np.random.default_rng(SEED).choice(chosen, MOST, replace=False))
    numbered = np.full(len(measured.repeats), -1)
    numbered[chosen] = np.arange(len(chosen))
    member = numbered[groups]
    rows = np.flatnonzero(member >= 0)
    sums = measured.events.observed["photon_sum"]
    pixel = None
    if measured.events.has_pixels:
        pixel = spread_of_pixels(measured.events.responses, rows, member, len(chosen)) if len(rows) else np.zeros(0)
    spread = spread_of_sums(sums, member, len(chosen)) if len(rows) else np.zeros(0)
    mean = np.bincount(member[rows], sums[rows], len(chosen)) / np.maximum(measured.repeats[chosen], 1)
    return Diversity(chosen, pixel, spread / np.where(mean > 0, mean, 1.0))


def summary_of(found: Diversity, measured: Measured) -> dict[str, Any] | None:
    """Median and central 68 % over particles; None where no particle has enough responses."""
    if not len(found.groups):
        return None
    return {
        "particles": len(found.groups),
        "of": int((frequent(measured.events.groups, MINIMUM_EVENTS).max()) + 1),
        "minimum_events": MINIMUM_EVENTS,
        "pixel": None if found.pixel is None else _central(found.pixel),
        "photon_sum": _central(found.photon_sum),
    }


def _central(values: Float[np.ndarray, " D"]) -> dict[str, float]:
    low, median, high = np.percentile(values, [16, 50, 84]).tolist()
    return {"median": median, "low": low, "high": high}
