"""The published split, row for row."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.data.events import Events
from zoo.data.splits import Split, split_events
from zoo.errors import DataError

# Two calls of scikit-learn's train_test_split, as in the published code: test_size=0.2, random_state=42, then of the
# rest test_size=0.125, random_state=43 (computed once with scikit-learn 1.9). Train, validation, test.
GOLDEN = {
    3: ([1], [2], [0]),
    5: ([2, 3, 4], [0], [1]),
    20: ([7, 13, 12, 11, 2, 19, 10, 3, 14, 4, 16, 5, 8, 18], [6, 9], [0, 17, 15, 1]),
    33: (
        [13, 28, 5, 30, 3, 20, 12, 1, 27, 29, 25, 4, 14, 23, 0, 10, 6, 22, 32, 18, 21, 16],
        [24, 11, 2, 7],
        [31, 15, 26, 17, 8, 9, 19],
    ),
}

# The sizes of the papers, and sha256 of the rows as little-endian int64, from the same two calls.
PUBLISHED = {
    306_780: (
        (214_746, "59f1e4ac5f85e346f57bc7ec911d857331e020e2771764b2265cfd9c79f72b67"),
        (30_678, "754f46029c8ab8bf1ea8544a8f437299c71d00f12a318ba29a38d98a64494daa"),
        (61_356, "b90a4f6027e42661ab601af17708a1c0f8033a16600b1df0c051aac479700516"),
    ),
    129_676: (
        (90_772, "6b2bd5d32cee22c6b27166c5d54f1127880132619264d4af8336313c8f0c2a0a"),
        (12_968, "0b132db44144298cc306ea60afc7a196778d8304a7c531e6eb1fa66feefa0984"),
        (25_936, "d1e5acc71cbb65f0c7da34cdf4e25811ccfd7e4bf3931846a960ae620ee630fb"),
    ),
}


def events(owners: np.ndarray) -> Events:
    """Events whose particle vectors are equal where the owners are."""
    particles = np.stack([owners, -owners], axis=1).astype(np.float64)
    return Events(np.zeros((len(owners), 1, 1), np.uint8), particles, "file.npz")


def parts(split: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return split.train, split.validation, split.test


@pytest.mark.parametrize("number", GOLDEN)
def test_rows_are_those_of_scikit_learn(number: int):
    split = split_events(events(np.zeros(number)), "by-event")
    assert tuple(part.tolist() for part in parts(split)) == GOLDEN[number]


@pytest.mark.parametrize("number", PUBLISHED)
def test_the_published_data_are_split_as_published(number: int):
    split = split_events(events(np.zeros(number)), "by-event")
    found = tuple((len(part), hashlib.sha256(part.astype("<i8").tobytes()).hexdigest()) for part in parts(split))
    assert found == PUBLISHED[number]


@given(number=st.integers(3, 400), particles=st.integers(3, 60), seed=st.integers(0, 10))
def test_every_event_is_in_exactly_one_part(number: int, particles: int, seed: int):
    owners = np.random.default_rng(seed).permutation(np.arange(max(number, particles)) % particles)
    for how in ("by-event", "by-particle"):
        rows = np.concatenate(parts(split_events(events(owners), how)))
        assert sorted(rows) == list(range(len(owners)))


@given(particles=st.integers(3, 60), seed=st.integers(0, 10))
def test_by_particle_keeps_every_particle_in_one_part(particles: int, seed: int):
    owners = np.random.default_rng(seed).permutation(np.arange(5 * particles) % particles)
    split = split_events(events(owners), "by-particle")
    train, validation, test = (set(owners[part]) for part in parts(split))
    assert not train & test
    assert not train & validation
    assert not validation & test
    assert len(test) == -(-particles // 5)


def test_by_event_leaves_test_particles_in_training(zn_sample: Events):
    split = split_events(zn_sample, "by-event")
    train, test = ({row.tobytes() for row in zn_sample.particles[part]} for part in (split.train, split.test))
    assert len(test & train) > 0.9 * len(test)


def test_by_particle_leaves_no_test_particle_of_the_shipped_data_in_training(zn_sample: Events):
    split = split_events(zn_sample, "by-particle")
    train, validation, test = ({row.tobytes() for row in zn_sample.particles[part]} for part in parts(split))
    assert not train & test
    assert not train & validation
    assert not validation & test
    assert len(train) + len(validation) + len(test) == 425


def test_the_split_does_not_depend_on_what_the_events_hold(make_events, zn, zp):
    first, second = split_events(make_events(zn, 40), "by-event"), split_events(make_events(zp, 40, 1), "by-event")
    assert [part.tolist() for part in parts(first)] == [part.tolist() for part in parts(second)]


@pytest.mark.parametrize(
    ("owners", "how"), [([0, 1], "by-event"), ([0] * 50, "by-particle"), ([0, 1] * 9, "by-particle")]
)
def test_too_few_to_split_is_one_line(owners: list[int], how: str):
    what = f"{len(owners)} events" if how == "by-event" else f"{len(set(owners))} unique particles"
    with pytest.raises(DataError, match=rf"^file\.npz: {what} are too few to split .*; 3 is the least$"):
        split_events(events(np.array(owners)), how)
