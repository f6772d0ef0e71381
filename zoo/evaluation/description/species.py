"""The kinds of particles."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.evaluation.description.diversity import Diversity
from zoo.evaluation.description.measured import Measured


def species(measured: Measured, found: Diversity) -> list[dict[str, Any]]:
    """Of every PDG id, the most frequent first: events, particles, mean energy and photons, spreads between repeats.

    The spreads are means over its particles with enough responses, or None; the list is empty without PDG ids.
    """
    if measured.pdg is None:
        return []
    detector, sums = measured.detector, measured.events.observed["photon_sum"]
    owner = np.rint(detector.pdg(measured.unique)).astype(np.int64)
    diverse = owner[found.groups]
    rows = []
    for pdg, events in zip(*np.unique(measured.pdg, return_counts=True), strict=True):
        own, among = measured.pdg == pdg, diverse == pdg
        energy = detector.column(measured.particles[own], "energy").mean() if "energy" in measured.names else None
        rows.append(
            {
                "pdg": int(pdg),
                "events": int(events),
                "share": float(events / len(measured)),
                "particles": int((owner == pdg).sum()),
                "energy": None if energy is None else float(energy),
                "photon_sum": float(sums[own].mean()),
                "spread": float(found.photon_sum[among].mean()) if among.any() else None,
                "diversity": float(found.pixel[among].mean()) if found.pixel is not None and among.any() else None,
            }
        )
    return sorted(rows, key=lambda row: -row["events"])
