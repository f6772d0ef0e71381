"""How many events, particles and repeats there are."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.evaluation.description.measured import Measured
from zoo.evaluation.description.numbers import summary
from zoo.evaluation.metrics.diversity import MINIMUM_EVENTS


def counts(measured: Measured) -> dict[str, Any]:
    """Events, different particles, responses per particle, different photon sums; mean of every observable."""
    repeats = measured.repeats
    observed = measured.events.observed
    return {
        "events": len(measured),
        "particles": len(repeats),
        "species": None if measured.pdg is None else len(np.unique(measured.pdg)),
        "photon_sums": len(np.unique(observed["photon_sum"])),
        "repeats": {
            **summary(repeats),
            "once": int((repeats == 1).sum()),
            "often": int((repeats >= MINIMUM_EVENTS).sum()),
            "often_means": MINIMUM_EVENTS,
        },
        "observables": {name: summary(values) for name, values in observed.items() if name != "channels"},
    }
