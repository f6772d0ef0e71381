"""What is kept of generated responses as they stream by: a few numbers an event and sums per particle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Shaped

from zoo.errors import DataError
from zoo.evaluation.events import Events
from zoo.evaluation.groups import frequent
from zoo.evaluation.metrics.diversity import MINIMUM_EVENTS, PixelSpread
from zoo.evaluation.metrics.errors import squared_error
from zoo.evaluation.metrics.metric import Metric
from zoo.evaluation.observables import check_shape, observe

WHAT = "generated responses"


class Generated:
    """Observables of `repeats` generated responses to every event.

    Attributes:
        values: observable to (repeats, N, ...), and where pixels are known on both sides `squared_error` and what the
            metrics of the recipe keep of every event.
        groups: particle of every event, -1 for those too rare for a spread.
        pixel_spread: f(c) per repeat and particle of those groups, once a repeat is complete.
    """

    def __init__(self, events: Events, repeats: int, metrics: Mapping[str, Metric]) -> None:
        if repeats < 1:
            raise DataError(f"{WHAT}: {repeats} repeats; at least 1 is expected")
        self._events = events
        self._metrics = metrics
        self.filled = np.zeros((repeats, len(events)), dtype=bool)
        self.values: dict[str, Float[np.ndarray, "K N ..."]] = {}
        self.groups = frequent(events.groups, MINIMUM_EVENTS)
        self.particles = int(self.groups.max()) + 1
        self.pixel_spread = np.zeros((repeats, self.particles))
        self._gathering: dict[int, PixelSpread] = {}

    def update(self, repeat: int, rows: slice, generated: Shaped[np.ndarray, "n ..."]) -> None:
        """Take the responses to events `rows` in one repeat.

        Raises:
            DataError: shapes or values that cannot be responses to these events, or events given twice.
        """
        self._check(repeat, rows, generated)
        start = rows.indices(len(self._events))[0]
        found = observe(generated, self._events.readout, what=f"{WHAT} (repeat {repeat}, from event {start})")
        if generated.ndim == 3 and self._events.has_pixels:
            truth = self._events.responses[rows]
            found["squared_error"] = squared_error(generated, truth)
            beside = truth, generated, self._events.particles[rows]
            found |= {name: metric.keep(*beside) for name, metric in self._metrics.items()}
        self._expect(found.keys())
        for name, value in found.items():
            self._room(name, value)[repeat, rows] = value
        self.filled[repeat, rows] = True
        if "squared_error" in found:
            self._gather(repeat).update(generated, self.groups[rows])
            self._finish(repeat)

    def merge(self, other: Generated) -> None:
        """Take over what another part of the same evaluation was given.

        Raises:
            DataError: other events, other repeats, or events given to both.
        """
        same = self.filled.shape == other.filled.shape and np.array_equal(
            self._events.observed["photon_sum"], other._events.observed["photon_sum"]
        )
        if not same:
            raise DataError("evaluations of different events or repeats cannot be merged")
        if (self.filled & other.filled).any():
            raise DataError("evaluations cannot be merged: some events were given to both")
        if not other.values:
            return
        self._expect(other.values.keys())
        for name, value in other.values.items():
            self._room(name, value[0])[other.filled] = value[other.filled]
        complete = other.filled.all(axis=1)
        self.pixel_spread[complete] = other.pixel_spread[complete]
        self.filled |= other.filled
        for repeat, sums in other._gathering.items():
            self._gather(repeat).merge(sums)
            self._finish(repeat)

    def require_complete(self) -> None:
        """Refuse to judge part of the events.

        Raises:
            DataError: not every event was given in every repeat.
        """
        missing = self.filled.size - int(self.filled.sum())
        if missing:
            raise DataError(f"{WHAT}: {missing} of {self.filled.size} (events x repeats) are missing")

    def _check(self, repeat: int, rows: slice, generated: Shaped[np.ndarray, "n ..."]) -> None:
        repeats, events = self.filled.shape
        if not 0 <= repeat < repeats:
            raise DataError(f"{WHAT}: repeat {repeat}; 0 to {repeats - 1} are expected")
        taken = self.filled[repeat, rows]
        if len(taken) != len(generated):
            raise DataError(f"{WHAT}: {len(generated)} for {len(taken)} of the {events} events")
        if taken.any():
            start, stop, _ = rows.indices(events)
            raise DataError(f"{WHAT}: repeat {repeat}, some of the events {start} to {stop - 1} were given already")
        check_shape(generated, self._events.readout, WHAT)
        expected = self._events.responses.shape[1:]
        if self._events.readout is None and generated.shape[1:] != expected:
            raise DataError(f"{WHAT}: shape {generated.shape[1:]} an event; {expected} is expected")

    def _expect(self, names: object) -> None:
        if self.values and self.values.keys() != names:
            raise DataError(f"{WHAT}: pixels in one part and channel sums in another; give one of them throughout")

    def _room(self, name: str, value: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, "K N ..."]:
        return self.values.setdefault(name, np.zeros((*self.filled.shape, *value.shape[1:])))

    def _gather(self, repeat: int) -> PixelSpread:
        if repeat not in self._gathering:
            self._gathering[repeat] = PixelSpread(self.particles, self._events.responses.shape[1:])
        return self._gathering[repeat]

    def _finish(self, repeat: int) -> None:
        if self.filled[repeat].all():
            self.pixel_spread[repeat] = self._gathering.pop(repeat).compute()
