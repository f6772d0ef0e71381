"""Transforms: there and back, fitted on training values only, and never fewer photons than none."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from zoo.catalogue import components
from zoo.data.transforms.dequantise import DequantiseConfig
from zoo.data.transforms.log1p import Log1pConfig
from zoo.data.transforms.scale import ScaleConfig
from zoo.data.transforms.standardise import StandardiseConfig
from zoo.data.transforms.transform import TransformConfig
from zoo.errors import DataError

KEY = jax.random.key(0)
TABLES: dict[str, dict[str, Any]] = {"scale": {"factor": 0.25}}
"""What a component cannot be built without; the others have defaults for everything."""

TRANSFORMS = {name: config.model_validate(TABLES.get(name, {})) for name, config in components("transform").items()}

counts = arrays(np.float32, (6, 4), elements=st.integers(0, 4000).map(float))


def fitted(config: TransformConfig, sample: np.ndarray) -> Any:
    return config.build(config.fit(sample))


def varying(sample: np.ndarray) -> np.ndarray:
    """The same counts with an event more, so that no entry is constant."""
    return np.concatenate([sample, sample.max(axis=0, keepdims=True) + 1])


@pytest.mark.parametrize("name", TRANSFORMS)
@given(sample=counts)
def test_counts_survive_the_way_there_and_back(name: str, sample: np.ndarray):
    sample = varying(sample)
    transform = fitted(TRANSFORMS[name], sample)
    there = transform.forward(jnp.asarray(sample), KEY)
    assert there.shape == sample.shape
    assert there.dtype == jnp.float32
    np.testing.assert_allclose(transform.inverse(there), sample, rtol=2e-6, atol=2e-3)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_constants_have_the_announced_names_and_shapes(name: str):
    sample = varying(np.random.default_rng(0).poisson(4, (20, 3, 2)).astype(np.float32))
    announced, constants = TRANSFORMS[name].unfitted((3, 2)), TRANSFORMS[name].fit(sample)
    assert {key: value.shape for key, value in constants.items()} == {k: v.shape for k, v in announced.items()}
    np.testing.assert_allclose(TRANSFORMS[name].build(announced).inverse(jnp.ones((1, 3, 2))).shape, (1, 3, 2))


@given(
    sample=arrays(np.float32, (2000,), elements=st.integers(0, 2**22).map(float), fill=st.just(4095.0)),
    seed=st.integers(0, 5),
)
def test_dequantised_counts_come_back_exactly(sample: np.ndarray, seed: int):
    transform = fitted(DequantiseConfig(), sample)
    noisy = transform.forward(jnp.asarray(sample), jax.random.key(seed))
    np.testing.assert_array_equal(transform.inverse(noisy), sample)


def test_dequantisation_is_exact_however_the_noise_rounds():
    """Two million draws beside 4095: some lie within half a unit in the last place of 4096."""
    transform = DequantiseConfig().build({})
    noisy = transform.forward(jnp.full(2_000_000, 4095.0), KEY)
    assert float(noisy.max()) < 4096.0
    assert float(transform.inverse(noisy).min()) == 4095.0


def test_dequantisation_noise_is_uniform_and_follows_its_key():
    transform = DequantiseConfig().build({})
    noise = np.asarray(transform.forward(jnp.zeros(20_000), KEY))
    assert 0 <= noise.min() < noise.max() < 1
    assert noise.mean() == pytest.approx(0.5, abs=0.01)
    assert noise.var() == pytest.approx(1 / 12, abs=0.005)
    np.testing.assert_array_equal(noise, transform.forward(jnp.zeros(20_000), KEY))
    assert not np.array_equal(noise, transform.forward(jnp.zeros(20_000), jax.random.key(1)))


@pytest.mark.parametrize("config", [Log1pConfig(), DequantiseConfig()])
def test_what_lies_below_zero_photons_is_zero(config: TransformConfig):
    found = config.build({}).inverse(jnp.array([-3.0, -1e-6, 0.0]))
    np.testing.assert_array_equal(found, np.zeros(3))


def test_log1p_is_the_formula_of_the_papers():
    values = np.array([0.0, 1.0, 600.0, 4000.0])
    there = Log1pConfig().build({}).forward(jnp.asarray(values, jnp.float32), KEY)
    np.testing.assert_allclose(there, np.log(1 + values), rtol=1e-6)


def test_scale_multiplies():
    transform = ScaleConfig(factor=0.5).build({})
    np.testing.assert_array_equal(transform.forward(jnp.array([3.0]), KEY), [1.5])
    np.testing.assert_array_equal(transform.inverse(jnp.array([1.5])), [3.0])
    for factor in (0.0, -1.0):
        with pytest.raises(ValidationError):
            ScaleConfig(factor=factor)


@given(sample=arrays(np.float32, (50, 3), elements=st.floats(-100, 100, width=32)))
def test_standardised_values_have_mean_0_and_deviation_1(sample: np.ndarray):
    spread = sample + np.linspace(0, 200, 50, dtype=np.float32)[:, None]
    there = np.asarray(fitted(StandardiseConfig(), spread).forward(jnp.asarray(spread), KEY), np.float64)
    np.testing.assert_allclose(there.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(there.std(axis=0), 1, rtol=1e-4)


def test_standardisation_is_fitted_entry_by_entry_with_the_population_deviation():
    sample = np.array([[0.0, 10.0], [4.0, 30.0]], np.float32)
    constants = StandardiseConfig().fit(sample)
    np.testing.assert_array_equal(constants["mean"], [2.0, 20.0])
    np.testing.assert_array_equal(constants["scale"], [2.0, 10.0])


@pytest.mark.parametrize("value", [0.0, 0.1, np.log1p(3.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_entry_that_does_not_vary_is_named(value: float, dtype: type):
    sample = np.random.default_rng(0).normal(size=(997, 2, 3)).astype(dtype)
    sample[:, 1, 2] = value
    with pytest.raises(DataError, match=r"^transform 'standardise': entry \(1, 2\) of the target is constant"):
        StandardiseConfig().fit(sample)
