"""How good the current weights are, while training goes on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.evaluation.metrics.wasserstein import channel_wasserstein, wasserstein
from zoo.evaluation.observables import observe
from zoo.schemes.examination import Examiner
from zoo.schemes.generation import Generator
from zoo.schemes.model import Model
from zoo.schemes.scheme import EventScheme
from zoo.typing import Key


class Validator(ABC):
    """Judges weights on the first validation events."""

    criterion: ClassVar[str]
    """The number by which the best checkpoint is chosen; the smaller the better."""

    @abstractmethod
    def __call__(self, model: Model, dtype: jnp.dtype) -> dict[str, float]:
        """What is written about the weights; NaN for broken ones."""


def validator_for(model: Model, detector: Detector, events: Events, limit: int, key: Key) -> Validator:
    """The validator that fits what the model does, on the first `limit` of the validation events."""
    if isinstance(model.scheme, EventScheme):
        return ErrorValidator(events[:limit], key)
    return ResponseValidator(detector, events[:limit], key)


class ErrorValidator(Validator):
    """The errors of a scheme about given responses."""

    criterion = "loss"

    def __init__(self, events: Events, key: Key) -> None:
        self._events, self._key = events, key

    def __call__(self, model: Model, dtype: jnp.dtype) -> dict[str, float]:
        """The scheme's errors, averaged over the events."""
        return Examiner(model, dtype).means(self._events, self._key)


class ResponseValidator(Validator):
    """One generated response for each event, the same noise every time."""

    criterion = "wasserstein"

    def __init__(self, detector: Detector, events: Events, key: Key) -> None:
        self._events = events
        self._readout = detector.readout if len(detector.readout) else None
        self._truth = observe(self._events.counts, self._readout)
        self._key = key

    def __call__(self, model: Model, dtype: jnp.dtype) -> dict[str, float]:
        """`wasserstein` (mean over channels; of the photon sum where there are none), `mae`; NaN for broken weights."""
        generated = Generator(model, dtype).all(self._events.particles, self._key)
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
