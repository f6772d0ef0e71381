"""Responses to look at: repeats of a few particles, or single ones where there are no repeats."""

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

    Of each of the most frequent species the particle with most responses, then of all particles those with most. Where
    no particle has enough responses, one response each of dim to bright events, without means; nothing without pixels.
    """
    if not measured.events.has_pixels:
        return {}
    chosen = _chosen(measured)
    if not len(chosen):
        order = np.argsort(measured.events.observed["photon_sum"], kind="stable")
        rows = order[np.unique(np.linspace(0.1, 0.9, PARTICLES) * (len(order) - 1)).astype(int)]
        return {"example_particles": measured.particles[rows], "examples": measured.events.responses[rows][None]}
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
