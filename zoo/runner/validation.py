"""How good the current weights are, while training goes on."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.evaluation.metrics.wasserstein import channel_wasserstein
from zoo.evaluation.observables import observe
from zoo.schemes.examination import Examiner
from zoo.schemes.generation import CHUNK, Generator
from zoo.schemes.model import Model
from zoo.schemes.scheme import EventScheme
from zoo.typing import Key


class Validator(ABC):
    """Judges weights on the first validation events."""

    criterion: ClassVar[str]
    """The number by which the best checkpoint is chosen; the smaller the better."""

    silence: float | None = None
    """What the criterion says of empty responses; None for a scheme that generates none."""

    @abstractmethod
    def __call__(self, model: Model, dtype: jnp.dtype) -> dict[str, float]:
        """What is written about the weights; NaN for broken ones."""


def validator_for(
    model: Model, detector: Detector, events: Events, limit: int, key: Key, devices: int = 1
) -> Validator:
    """The validator that fits what the model does, on the first `limit` of the validation events."""
    if isinstance(model.scheme, EventScheme):
        return ErrorValidator(events[:limit], key)
    return ResponseValidator(detector, events[:limit], key, devices)


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

    def __init__(self, detector: Detector, events: Events, key: Key, devices: int = 1) -> None:
        self._events, self._devices = events, devices
        self._readout = detector.readout if len(detector.readout) else None
        self._truth = self._observed(events.counts)
        self._key = key
        # The distance to nothing is the mean itself.
        self.silence = float(self._truth.mean())

    def __call__(self, model: Model, dtype: jnp.dtype) -> dict[str, float]:
        """How the channel sums (the photon sum where there are no channels) compare with GEANT's.

        `wasserstein` (mean over channels) and `mae`, in photons; `photons`, the generated ones over GEANT's, and
        `spread`, the standard deviation over events likewise (mean over channels). NaN for broken weights.
        """
        chunk = min(CHUNK, math.ceil(len(self._events) / self._devices))
        generated = Generator(model, dtype, chunk, self._devices).all(self._events.particles, self._key)
        if not np.isfinite(generated).all():
            return dict.fromkeys(("wasserstein", "mae", "photons", "spread"), float("nan"))
        truth, sums = self._truth, self._observed(np.maximum(generated, 0.0))
        return {
            "wasserstein": float(np.mean(channel_wasserstein(truth, sums))),
            "mae": float(np.abs(truth - sums).mean()),
            "photons": _over(sums.mean(), truth.mean()),
            "spread": _over(sums.std(axis=0).mean(), truth.std(axis=0).mean()),
        }

    def _observed(self, responses: Shaped[np.ndarray, "N ..."]) -> Float[np.ndarray, "N R"]:
        observed = observe(responses, self._readout)
        return observed["channels"] if "channels" in observed else observed["photon_sum"][:, None]


def _over(generated: float, truth: float) -> float:
    """NaN where GEANT has nothing to compare with."""
    return float(generated / truth) if truth > 0 else float("nan")
