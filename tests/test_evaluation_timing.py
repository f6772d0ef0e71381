"""The stopwatch: what it counts and what it waits for (never how long something takes)."""

from __future__ import annotations

import time

import pytest

from zoo.evaluation.timing import device_description, time_per_sample


class Pending:
    """A result that is only there once somebody has waited for it."""

    def __init__(self, clock: list[float], seconds: float) -> None:
        self._clock, self._seconds = clock, seconds

    def block_until_ready(self) -> Pending:
        self._clock[0] += self._seconds
        return self


def test_a_sample_costs_its_share_of_a_batch_that_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, durations = [0.0], iter([100.0, 2.0, 4.0, 1.0])
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    found = time_per_sample(lambda: {"x": [Pending(clock, next(durations))]}, 10, repeats=3, warmup=1)
    assert found == {"median": 200.0, "min": 100.0, "max": 400.0, "batch": 10, "repeats": 3}
    assert next(durations, None) is None


def test_the_device_is_named_with_its_threads() -> None:
    platform, rest = device_description().split(": ", 1)
    assert platform in ("cpu", "gpu", "tpu")
    assert rest.split(", ")[-1].split()[0].isdigit()
