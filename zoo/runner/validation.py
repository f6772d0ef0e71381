"""How good the current weights are, while training goes on."""

from __future__ import annotations

import numpy as np

from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.evaluation.metrics.wasserstein import channel_wasserstein, wasserstein
from zoo.evaluation.observables import observe
from zoo.schemes.generation import Generator
from zoo.typing import Key


class Validator:
    """One generated response for each of the first validation events, the same noise every time."""

    def __init__(self, detector: Detector, events: Events, limit: int, key: Key) -> None:
        self._events = events[:limit]
        self._readout = detector.readout if len(detector.readout) else None
        self._truth = observe(self._events.counts, self._readout)
        self._key = key

    def __len__(self) -> int:
        return len(self._events)

    def __call__(self, generator: Generator) -> dict[str, float]:
        """`wasserstein` (mean over channels; of the photon sum where there are none), `mae`; NaN for broken weights."""
        generated = generator.all(self._events.particles, self._key)
        if not np.isfinite(generated).all():
            return {"wasserstein": float("nan"), "mae": float("nan")}
        observed = observe(np.maximum(generated, 0.0), self._readout)
        if "channels" not in observed:
            return {
                "wasserstein": float(wasserstein(self._truth["photon_sum"], observed["photon_sum"])),
                "mae": float(np.abs(self._truth["photon_sum"] - observed["photon_sum"]).mean()),
            }
        return {
            "wasserstein": float(np.mean(channel_wasserstein(self._truth["channels"], observed["channels"]))),
            "mae": float(np.abs(self._truth["channels"] - observed["channels"]).mean()),
        }
