"""Particles to look at: their mean response and a few single ones."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, Shaped

from zoo.evaluation.description.measured import Measured
from zoo.evaluation.metrics.diversity import MINIMUM_EVENTS

PARTICLES = 6

REPEATS = 3
"""Single responses that are shown to each."""


def examples(measured: Measured) -> dict[str, Shaped[np.ndarray, "..."]]:
    """`example_particles` (E, P), `example_means` (E, H, W) and `examples` (REPEATS, E, H, W) in photons.

    Of each of the most frequent species the particle with most responses, then of all particles those with most;
    nothing where no particle has enough responses, or where there are no pixels.
    """
    chosen = _chosen(measured)
    if not measured.events.has_pixels or not len(chosen):
        return {}
    rows = [np.flatnonzero(measured.events.groups == group) for group in chosen]
    responses = measured.events.responses
    mean: list[Float[np.ndarray, "H W"]] = [responses[own].mean(axis=0, dtype=np.float64) for own in rows]
    single = np.stack([responses[own[:REPEATS]] for own in rows], axis=1)
    return {"example_particles": measured.unique[chosen], "example_means": np.stack(mean), "examples": single}


def _chosen(measured: Measured) -> Int[np.ndarray, " E"]:
    order = np.argsort(-measured.repeats, kind="stable")
    order = order[measured.repeats[order] >= MINIMUM_EVENTS]
    if measured.pdg is None:
        return order[:PARTICLES]
    kinds, events = np.unique(measured.pdg, return_counts=True)
    owner = np.rint(measured.detector.pdg(measured.unique)).astype(np.int64)[order]
    first = [order[owner == kind][:1] for kind in kinds[np.argsort(-events, kind="stable")]]
    leading = np.concatenate(first)[:PARTICLES]
    others = order[~np.isin(order, leading)][: PARTICLES - len(leading)]
    return np.concatenate([leading, others])
