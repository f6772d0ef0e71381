"""The time of 10,240 responses, as the FoCal paper measures it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zoo.data.events import Events
from zoo.recipe.schema import PublishedConfig
from zoo.runner.paper_timing import BATCH, LONGEST, RESPONSES, paper_timing

KEY: Any = None
"""Of noise that nothing draws."""

QUOTED = PublishedConfig(source="a paper", seconds_10240=25.2)


class Recorder:
    """Stands for a model, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.particles: list[np.ndarray] = []

    def __call__(self, batch: int) -> Any:
        self.batches.append(batch)
        return self.generate

    def generate(self, particles: np.ndarray, key: Any) -> np.ndarray:
        """No response, at once."""
        self.particles.append(particles)
        return np.zeros(1)


def times(milliseconds: float) -> dict[str, Any]:
    """The zoo's own timing of a model."""
    return {"batch_256": {"median": 2 * milliseconds, "min": milliseconds, "batch": 256}}


def few_events() -> Events:
    return Events(np.zeros((300, 2, 2), np.uint16), np.arange(600.0).reshape(300, 2), "toy")


@pytest.mark.parametrize("published", [None, PublishedConfig(source="a paper", time_ms=2.5)])
def test_only_recipes_that_quote_such_a_time_are_timed_so(published: PublishedConfig | None):
    recorder = Recorder()
    assert paper_timing(published, times(1.0), recorder, few_events(), KEY) == {}
    assert not recorder.batches


def test_batches_are_those_of_the_paper_however_few_the_events(monkeypatch: pytest.MonkeyPatch):
    recorder, clock = Recorder(), iter([0.0, 0.5, 1.0, 1.25, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    monkeypatch.setattr("zoo.evaluation.timing.time.perf_counter", lambda: next(clock))
    found = paper_timing(QUOTED, times(1.0), recorder, few_events(), KEY)["seconds_10240"]
    assert found == {"seconds": pytest.approx(RESPONSES / BATCH * 0.25), "batch": BATCH}, "ten times the fastest"
    assert recorder.batches == [BATCH]
    for particles in recorder.particles:
        assert particles[:, 0].tolist() == [2.0 * (row % 300) for row in range(BATCH)]


def test_a_slow_model_is_told_by_its_smaller_batches():
    recorder, slow = Recorder(), 2e3 * LONGEST / BATCH
    found = paper_timing(QUOTED, times(slow), recorder, few_events(), KEY)["seconds_10240"]
    assert found == {"seconds": pytest.approx(1e-3 * slow * RESPONSES), "batch": 256}
    assert not recorder.batches
