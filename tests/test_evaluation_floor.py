"""The noise floors: matched halves of the same particles, and their size for a law that is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.errors import DataError
from zoo.evaluation.floor import noise_floor
from zoo.evaluation.groups import frequent, pair, particle_groups
from zoo.evaluation.observables import SCALARS

READOUT = np.stack([np.indices((4, 6)).sum(axis=0) % 2 == parity for parity in (0, 1)])


def poisson_events(particles: int, copies: int, brightness: float = 100.0) -> tuple[np.ndarray, np.ndarray]:
    """Independent Poisson responses to particles of very different brightness."""
    draw = np.random.default_rng(7)
    energy = np.repeat(draw.lognormal(0, 1, particles), copies)
    shape = np.ones((4, 6)) / 24
    order = draw.permutation(len(energy))
    responses = draw.poisson(brightness * energy[:, None, None] * shape).astype(np.uint16)
    return responses[order], np.stack([energy, np.zeros_like(energy)], axis=1)[order]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(0, 100))
@settings(deadline=None)
def test_pairs_share_a_particle_and_use_every_event_at_most_once(labels: list[int], seed: int) -> None:
    groups = np.unique(labels, return_inverse=True)[1]
    first, second = pair(groups, np.random.default_rng(seed))
    np.testing.assert_array_equal(groups[first], groups[second])
    used = np.concatenate([first, second])
    assert len(np.unique(used)) == len(used)
    assert len(first) == sum(size // 2 for size in np.bincount(groups))


def test_pairs_are_drawn_anew() -> None:
    groups, draw = np.zeros(50, int), np.random.default_rng(0)
    assert not np.array_equal(pair(groups, draw)[0], pair(groups, draw)[0])


def test_a_particle_is_the_same_only_if_every_column_is() -> None:
    rows = np.array([[1.0, 2, 22], [1, 2, 2112], [1, 2, 22], [1, np.nextafter(2, 3), 22]])
    groups = particle_groups(rows)
    assert groups[0] == groups[2]
    assert len(set(groups.tolist())) == 3


def test_only_frequent_particles_are_kept() -> None:
    assert frequent(np.array([0, 1, 1, 2, 2, 0, 2]), 3).tolist() == [-1, -1, -1, 0, 0, -1, 0]


def test_floors_of_a_known_law() -> None:
    """Two Poisson counts of mean m differ by 2 sqrt(m/pi) on average, and by sqrt(2m) in the mean square."""
    responses, particles = poisson_events(100, 20)
    floor = noise_floor(responses, particles, READOUT)
    mean = 100 * particles[:, 0]
    repeats = floor["repeats"]
    assert repeats["mae"]["mean"] == pytest.approx((2 * np.sqrt(mean / 2 / np.pi)).mean(), rel=0.1)
    assert repeats["rmse"]["mean"] == pytest.approx(np.sqrt(2 * mean.mean()), rel=0.1)
    assert repeats["wasserstein"]["mean"] < repeats["mae"]["mean"] / 3
    assert floor["random_halves"]["wasserstein"]["mean"] > 2 * repeats["wasserstein"]["mean"]
    assert all(repeats[name]["std"] > 0 for name in ("wasserstein", "mae", "rmse", *SCALARS))


def test_a_floor_is_plain_json_and_repeatable() -> None:
    events = poisson_events(10, 4)
    floor = noise_floor(*events, READOUT, seed=3)
    assert json.loads(json.dumps(floor, allow_nan=False)) == floor
    assert noise_floor(*events, READOUT, seed=3) == floor
    assert noise_floor(*events, READOUT, seed=4) != floor


def test_particles_without_repeats_have_no_repeat_floor() -> None:
    responses, particles = poisson_events(30, 1)
    floor = noise_floor(responses, particles, READOUT)
    assert floor["repeats"] is None
    assert floor["random_halves"]["wasserstein"]["mean"] > 0


def test_a_detector_without_channels_has_the_floors_of_its_pictures() -> None:
    floor = noise_floor(*poisson_events(10, 4), None)
    assert floor["random_halves"] is None
    assert floor["repeats"]["wasserstein"] is None
    assert floor["repeats"]["mae"] is None
    assert floor["repeats"]["rmse"]["mean"] > 0


@pytest.mark.parametrize("events", [1, 2, 3])
def test_tiny_sets(events: int) -> None:
    responses, particles = np.ones((events, 4, 6), np.uint8), np.ones((events, 9))
    floor = noise_floor(responses, particles, READOUT)
    assert (floor["repeats"] is None) == (events == 1)
    assert (floor["random_halves"] is None) == (events == 1)


@pytest.mark.parametrize(
    ("particles", "message"),
    [
        (np.ones((3, 9)), "4 responses but 3 particles"),
        (np.ones(4), "one row of numbers an event"),
        (np.array(1.0), "one row of numbers an event"),
        (np.full((4, 9), "x"), "dtype <U1"),
        (np.where(np.arange(36).reshape(4, 9) == 20, np.nan, 1), "event 2 holds a value that is not finite"),
    ],
)
def test_wrong_particles_are_refused(particles: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        noise_floor(np.ones((4, 4, 6)), particles, READOUT)
