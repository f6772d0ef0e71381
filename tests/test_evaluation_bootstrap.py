"""Intervals: the resamples are what drawing events anew gives, and they hold what they should."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from zoo.evaluation.bootstrap import interval, resamples
from zoo.evaluation.metrics.wasserstein import PairedWasserstein, wasserstein


@pytest.mark.parametrize("events", [1, 2, 50])
def test_a_resample_draws_as_many_events_as_there_are(events: int) -> None:
    drawn = np.array(list(resamples(events, 400, np.random.default_rng(0))))
    assert drawn.shape == (400, events)
    assert (drawn.sum(axis=1) == events).all()
    assert drawn.mean(axis=0) == pytest.approx(1, abs=0.25)
    assert drawn.var() == pytest.approx(1 - 1 / events, abs=0.05)


def test_the_weighted_distance_is_distributed_like_that_of_events_drawn_naively() -> None:
    draw = np.random.default_rng(3)
    first = draw.gamma(2, 10, 80)
    second = 1.2 * first + draw.normal(0, 2, 80)
    distance = PairedWasserstein(first, second)
    fast = [distance(weights) for weights in resamples(80, 400, draw)]
    naive = [wasserstein(first[rows], second[rows]) for rows in draw.integers(0, 80, (400, 80))]
    assert ks_2samp(fast, naive).pvalue > 0.01


def test_the_interval_of_a_mean_is_its_textbook_error() -> None:
    draw = np.random.default_rng(4)
    values = draw.normal(10, 2, 900)
    replicas = np.array([np.average(values, weights=weights) for weights in resamples(900, 500, draw)])
    low, high = interval(values.mean(), replicas)
    assert low < 10 < high
    assert high - low == pytest.approx(2 * 1.96 * 2 / 30, rel=0.15)


def test_the_interval_holds_its_estimate_although_resampling_adds_to_a_distance() -> None:
    draw = np.random.default_rng(5)
    first, second = draw.normal(0, 1, (2, 300))
    distance = PairedWasserstein(first, second)
    replicas = np.array([distance(weights) for weights in resamples(300, 200, draw)])
    estimate = wasserstein(first, second)
    assert replicas.mean() > 1.1 * estimate
    low, high = interval(estimate, replicas)
    assert 0 <= low < estimate < high


def test_the_interval_covers_a_distance_well_above_the_noise() -> None:
    covered = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        first, second = draw.normal(0, 1, 200), draw.normal(3, 1, 200)
        distance = PairedWasserstein(first, second)
        replicas = np.array([distance(weights) for weights in resamples(200, 100, draw)])
        low, high = interval(wasserstein(first, second), replicas)
        covered += low <= 3 <= high
    assert covered >= 34


def test_an_interval_does_not_reach_below_zero() -> None:
    assert interval(0.0, np.array([0.0, 1.0, 2.0]))[0] == 0
