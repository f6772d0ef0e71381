"""Every metric against another way of working it out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import wasserstein_distance

from zoo.evaluation.metrics.diversity import PixelSpread, ratio, spread_of_pixels, spread_of_sums
from zoo.evaluation.metrics.errors import channel_error, rms, squared_error
from zoo.evaluation.metrics.wasserstein import PairedWasserstein, channel_wasserstein, wasserstein

VALUES = st.one_of(st.integers(0, 5).map(float), st.floats(0, 1e6))
SAMPLE = st.integers(1, 30).flatmap(lambda size: arrays(np.float64, size, elements=VALUES))


@given(SAMPLE, SAMPLE)
@settings(deadline=None)
def test_wasserstein_equals_scipy(first: np.ndarray, second: np.ndarray) -> None:
    expected = wasserstein_distance(first, second)
    assert wasserstein(first, second) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert wasserstein(second, first) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(SAMPLE, SAMPLE, st.floats(0, 100), st.floats(0, 1000))
@settings(deadline=None)
def test_wasserstein_scales_with_the_values_and_ignores_a_common_shift(
    first: np.ndarray, second: np.ndarray, scale: float, shift: float
) -> None:
    moved = wasserstein(scale * first + shift, scale * second + shift)
    assert moved == pytest.approx(scale * wasserstein(first, second), rel=1e-6, abs=1e-6)


@given(SAMPLE, st.floats(0, 1000))
@settings(deadline=None)
def test_a_shift_moves_a_sample_by_itself(sample: np.ndarray, shift: float) -> None:
    assert wasserstein(sample, sample + shift) == pytest.approx(shift, rel=1e-6, abs=1e-6)


@given(SAMPLE, st.integers(2, 4))
@settings(deadline=None)
def test_repeating_a_sample_does_not_change_its_distribution(sample: np.ndarray, times: int) -> None:
    assert wasserstein(sample, np.tile(sample, times)) == pytest.approx(0, abs=1e-6)


@given(SAMPLE, st.data())
@settings(deadline=None)
def test_weighted_pairs_equal_the_distance_of_repeated_events(first: np.ndarray, data: st.DataObject) -> None:
    second = data.draw(arrays(np.float64, len(first), elements=VALUES))
    weights = data.draw(arrays(np.int64, len(first), elements=st.integers(0, 4)).filter(np.any))
    rows = np.repeat(np.arange(len(first)), weights)
    expected = wasserstein(first[rows], second[rows])
    assert PairedWasserstein(first, second)(weights.astype(float)) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_channels_are_compared_one_by_one() -> None:
    first, second = np.array([[0, 10], [2, 10]]), np.array([[2, 13], [3, 13], [1, 13]])
    np.testing.assert_allclose(channel_wasserstein(first, second), [1, 3])


def test_errors_agree_with_loops() -> None:
    draw = np.random.default_rng(1)
    first, second = draw.poisson(3, (2, 5, 4, 6)).astype(np.uint16)
    for event in range(5):
        pairs = zip(first[event].ravel().tolist(), second[event].ravel().tolist(), strict=True)
        assert squared_error(first, second)[event] == sum((a - b) ** 2 for a, b in pairs)
    sums, others = first.reshape(5, -1)[:, :3].astype(float), second.reshape(5, -1)[:, :3].astype(float)
    for event in range(5):
        total = sum(abs(a - b) for a, b in zip(sums[event], others[event], strict=True))
        assert channel_error(sums, others)[event] == pytest.approx(total / 3)


def test_the_tables_rmse_sums_over_pixels() -> None:
    """A miss by one photon in every pixel of 44 x 44 is 44, not 1."""
    squared = squared_error(np.ones((3, 44, 44)), np.zeros((3, 44, 44), np.uint8))
    assert rms(squared) == pytest.approx(44)


def loops(images: np.ndarray, groups: np.ndarray, number: int) -> list[float]:
    """f(c) by numpy's own standard deviation, pixel by pixel."""
    spreads = []
    for group in range(number):
        logs = np.log1p(images[groups == group].astype(float))
        pixels = itertools.product(range(images.shape[1]), range(images.shape[2]))
        spreads.append(sum(np.std(logs[:, i, j]) for i, j in pixels) if len(logs) else 0.0)
    return spreads


@given(st.integers(0, 2**31), st.integers(1, 20))
@settings(max_examples=25, deadline=None)
def test_pixel_spread_streams_to_what_loops_give(seed: int, cut: int) -> None:
    draw = np.random.default_rng(seed)
    images, groups = draw.gamma(0.5, 3, (20, 3, 4)), draw.integers(-1, 4, 20)
    first, second = PixelSpread(4, (3, 4)), PixelSpread(4, (3, 4))
    for event in range(cut):
        first.update(images[event : event + 1], groups[event : event + 1])
    second.update(images[cut:], groups[cut:])
    first.merge(second)
    np.testing.assert_allclose(first.compute(), loops(images, groups, 4), atol=1e-6)


def test_pixel_spread_of_picked_rows() -> None:
    draw = np.random.default_rng(2)
    images, groups, rows = draw.poisson(2, (12, 3, 4)), draw.integers(0, 3, 12), np.array([11, 0, 5, 7, 2])
    expected = loops(images[rows], groups[rows], 3)
    np.testing.assert_allclose(spread_of_pixels(images, rows, groups, 3), expected, atol=1e-6)


def test_spread_of_the_sums_per_particle() -> None:
    sums, groups = np.array([1.0, 1e9, 5.0, 7.0, 1e9 + 2, 99.0]), np.array([0, 2, 0, 0, 2, -1])
    expected = [np.std([1, 5, 7]), 0, 1]
    np.testing.assert_allclose(spread_of_sums(sums, groups, 3), expected)


def test_ratio_summarises_particles_with_a_spread() -> None:
    reference = np.array([[1.0, 2.0, 4.0, 0.0]])
    found = ratio(np.array([[1.0, 4.0, 12.0, 5.0]]), reference)
    assert found is not None
    assert (found["median"], found["particles"]) == (2, 3)
    assert 1 < found["low"] < 2 < found["high"] < 3
    assert ratio(reference[:, 3:], reference[:, 3:]) is None
