"""Distributions of the training time."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from zoo.catalogue import components
from zoo.schemes.times.logit_normal import LogitNormalConfig
from zoo.schemes.times.uniform import UniformConfig

TIMES: dict[str, Any] = {name: config() for name, config in components("time").items()} | {
    "published": UniformConfig(maximum=0.99),
    "late": LogitNormalConfig(location=1.5, scale=0.4),
}
NUMBER = 20_000


def drawn(config: Any, seed: int = 0, number: int = NUMBER) -> np.ndarray:
    return np.asarray(config.draw(jax.random.key(seed), number))


@pytest.mark.parametrize("name", TIMES)
def test_times_lie_between_noise_and_data(name: str):
    times = drawn(TIMES[name])
    assert times.shape == (NUMBER,)
    assert times.dtype == np.float32
    assert 0 <= times.min() < times.max() < 1


@pytest.mark.parametrize("name", TIMES)
def test_times_follow_their_key(name: str):
    np.testing.assert_array_equal(drawn(TIMES[name]), drawn(TIMES[name]))
    assert not np.array_equal(drawn(TIMES[name]), drawn(TIMES[name], seed=1))
    assert len(np.unique(drawn(TIMES[name], number=1000))) > 990


@pytest.mark.parametrize("maximum", [0.5, 0.99, 1.0])
def test_uniform_times_are_uniform_up_to_their_maximum(maximum: float):
    times = drawn(UniformConfig(maximum=maximum))
    assert times.max() < maximum
    assert times.mean() == pytest.approx(maximum / 2, rel=0.02)
    assert times.var() == pytest.approx(maximum**2 / 12, rel=0.03)
    assert stats.kstest(times, "uniform", args=(0, maximum)).statistic < 0.015


@pytest.mark.parametrize(("location", "scale"), [(0.0, 1.0), (-0.8, 0.5), (1.0, 2.0)])
def test_logit_normal_times_have_normal_logits(location: float, scale: float):
    times = drawn(LogitNormalConfig(location=location, scale=scale)).astype(np.float64)
    logits = np.log(times / (1 - times))
    assert logits.mean() == pytest.approx(location, abs=0.04 * scale)
    assert logits.std() == pytest.approx(scale, rel=0.03)
    assert stats.kstest(logits, "norm", args=(location, scale)).statistic < 0.015


@pytest.mark.parametrize("maximum", [0.0, -1.0, 1.01])
def test_impossible_maxima_are_refused(maximum: float):
    with pytest.raises(ValidationError):
        UniformConfig(maximum=maximum)


def test_a_logit_normal_needs_a_width():
    with pytest.raises(ValidationError):
        LogitNormalConfig(scale=0.0)
