"""Flow matching against its formulae, with networks that are known functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from zoo.architectures.time_network import TimeNetwork
from zoo.data.condition import Condition
from zoo.data.readout import Readout
from zoo.data.target import ResponseConfig
from zoo.detectors.detector import Detector
from zoo.schemes.flow_matching import FlowMatching, FlowMatchingConfig
from zoo.schemes.scheme import Batch, Setting

KEY = jax.random.key(3)
SHAPE = (4, 3)
BATCH = 6


class Known(TimeNetwork):
    """A network that is `weight` times a function of its inputs."""

    weight: jax.Array
    function: Callable[..., Any] = eqx.field(static=True)

    def __call__(self, x: Any, time: Any, features: Any, *, key: Any = None) -> Any:
        return self.weight * self.function(x, time, features)[..., None]


def scheme(zn: Detector, function: Callable[..., Any], shape: tuple[int, ...] = SHAPE, **table: Any) -> FlowMatching:
    """A flow whose network is a known function, in a model space of ln(1 + photons) where nothing else is said."""
    transforms = table.pop("transforms", ["log1p"])
    target = ResponseConfig.model_validate({"transforms": transforms})
    config = FlowMatchingConfig.model_validate({"network": "mlp", **table})
    return FlowMatching(Known(jnp.ones(()), function), target.build(zn, {}), config, shape)


def condition(features: np.ndarray, maps: np.ndarray | None = None) -> Condition:
    features = jnp.asarray(features, jnp.float32)
    return Condition(features, features, None if maps is None else jnp.asarray(maps, jnp.float32))


def batch(x: np.ndarray, given: Condition) -> Batch:
    x = jnp.asarray(x, jnp.float32)
    return Batch(x, x, x, given)


def example(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return np.abs(draw.normal(2, 1, (BATCH, *SHAPE))), draw.normal(size=(BATCH, 2))


def known_function(x: Any, time: Any, features: Any) -> Any:
    """Of the state, the time and the features, with a sign that tells them apart."""
    return 0.5 * x[..., 0] - time[:, None, None] + features.sum(axis=-1)[:, None, None]


TIMES = [{"name": "uniform", "maximum": 0.99}, "logit_normal"]


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("prediction", ["velocity", "data"])
def test_the_loss_is_the_formula(zn: Detector, prediction: str, time: Any):
    """mean |v(x_t, t, c) - (x - z)|^2 with x_t = (1-t) z + t x; a data prediction d has v = (d - x_t) / (1 - t)."""
    flow = scheme(zn, known_function, prediction=prediction, time=time, time_left=0.05)
    x, features = example()
    time_key, noise_key = jax.random.split(KEY)
    t = np.asarray(flow.config.time.draw(time_key, BATCH), np.float64)
    z = np.asarray(jax.random.normal(noise_key, x.shape), np.float64)
    total = 0.0
    for event in range(BATCH):
        state = (1 - t[event]) * z[event] + t[event] * x[event]
        output = 0.5 * state - t[event] + features[event].sum()
        left = max(1 - t[event], 0.05)
        error = output - (x[event] - z[event]) if prediction == "velocity" else (output - x[event]) / left
        total += (error**2).sum()
    outcome = flow.loss("velocity", batch(x, condition(features)), KEY)
    assert float(outcome.value) == pytest.approx(total / x.size, rel=1e-4)
    assert outcome.value.dtype == jnp.float32
    assert float(outcome.metrics["loss"]) == float(outcome.value)
    assert outcome.scheme is None


def the_data(x: Any, time: Any, features: Any) -> Any:
    """The features are the data: what a perfect predictor of data would say."""
    return features.reshape(x.shape[:-1])


def the_velocity(x: Any, time: Any, features: Any) -> Any:
    return (the_data(x, time, features) - x[..., 0]) / (1 - time[:, None, None])


PERFECT = {"data": the_data, "velocity": the_velocity}


@pytest.mark.parametrize("prediction", PERFECT)
def test_a_perfect_predictor_has_no_loss(zn: Detector, prediction: str):
    flow = scheme(zn, PERFECT[prediction], prediction=prediction, time={"name": "uniform", "maximum": 0.9})
    x, _ = example()
    outcome = flow.loss("velocity", batch(x, condition(x.reshape(BATCH, -1))), KEY)
    assert float(outcome.value) < 1e-8


@pytest.mark.parametrize("prediction", PERFECT)
@pytest.mark.parametrize("sampler", ["euler", "heun", "midpoint"])
def test_a_perfect_predictor_samples_the_data(zn: Detector, prediction: str, sampler: str):
    flow = scheme(
        zn, PERFECT[prediction], prediction=prediction, sampler={"name": sampler, "steps": 11}, time_left=1e-3
    )
    x, _ = example()
    sample = eqx.filter_jit(flow.sample)(condition(x.reshape(BATCH, -1)), KEY)
    np.testing.assert_allclose(sample, np.expm1(x), rtol=1e-3, atol=1e-3)


def test_the_two_predictions_are_the_same_field(zn: Detector):
    x, features = example()
    state, time = jnp.asarray(x, jnp.float32), jnp.linspace(0.0, 0.9, BATCH)
    data = scheme(zn, known_function, prediction="data").velocity(state, time, condition(features))
    expected = (known_function(state[..., None], time, features) - state) / (1 - time)[:, None, None]
    np.testing.assert_allclose(data, expected, rtol=1e-5, atol=1e-5)


def test_a_data_prediction_is_never_divided_by_less_than_the_time_left(zn: Detector):
    flow = scheme(zn, lambda x, time, features: 0 * x[..., 0], prediction="data", time_left=0.05)
    velocity = flow.velocity(jnp.ones((1, *SHAPE)), jnp.ones(1), condition(np.zeros((1, 2))))
    np.testing.assert_allclose(velocity, -20.0, rtol=1e-5)


def gaussian_field(mean: float, deviation: float) -> Callable[..., Any]:
    """The exact marginal velocity of flow matching from N(0, 1) to N(mean, deviation^2), a linear field."""

    def field(x: Any, time: Any, features: Any) -> Any:
        t = time[:, None, None]
        variance = (1 - t) ** 2 + (t * deviation) ** 2
        return mean + (t * deviation**2 - (1 - t)) / variance * (x[..., 0] - t * mean)

    return field


def test_the_exact_field_of_a_gaussian_samples_that_gaussian(zn: Detector):
    flow = scheme(zn, gaussian_field(20.0, 2.0), transforms=[], sampler={"name": "heun", "steps": 50})
    sample = np.asarray(eqx.filter_jit(flow.sample)(condition(np.zeros((500, 2))), KEY))
    assert sample.mean() == pytest.approx(20.0, abs=0.1)
    assert sample.std() == pytest.approx(2.0, rel=0.03)


def test_the_same_key_gives_the_same_sample_and_another_key_another(zn: Detector):
    flow = scheme(zn, known_function)
    given = condition(example()[1])
    sample = eqx.filter_jit(flow.sample)
    first = np.asarray(sample(given, KEY))
    assert first.shape == (BATCH, *SHAPE)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, sample(given, KEY))
    np.testing.assert_allclose(first, flow.sample(given, KEY), rtol=1e-4, atol=1e-5)
    assert not np.allclose(first, sample(given, jax.random.key(4)))
    assert not np.allclose(first[0], first[1])


@pytest.mark.parametrize("transforms", [["log1p"], [], [{"name": "scale", "factor": 0.2}]])
def test_samples_are_never_negative(zn: Detector, transforms: list[Any]):
    flow = scheme(zn, lambda x, time, features: -3.0 + 0 * x[..., 0], transforms=transforms)
    sample = np.asarray(eqx.filter_jit(flow.sample)(condition(np.zeros((50, 2))), KEY))
    assert sample.min() == 0
    assert np.isfinite(sample).all()


def test_only_the_network_is_trained(zn: Detector):
    flow = scheme(zn, known_function)
    assert flow.players() == {"velocity": ("network",)}
    x, features = example()
    gradient = eqx.filter_grad(lambda flow: flow.loss("velocity", batch(x, condition(features)), KEY).value)(flow)
    assert float(jnp.abs(gradient.network.weight)) > 0
    replaced = flow.with_networks({"network": Known(jnp.zeros(()), known_function)})
    assert float(replaced.network.weight) == 0


def test_maps_are_further_channels_of_images_and_nothing_to_vectors(zn: Detector):
    seen: list[tuple[int, ...]] = []

    def function(x: Any, time: Any, features: Any) -> Any:
        seen.append(x.shape)
        return x[..., -1]

    maps = np.random.default_rng(0).normal(size=(BATCH, *SHAPE, 2))
    image = scheme(zn, function).velocity(
        jnp.zeros((BATCH, *SHAPE)), jnp.zeros(BATCH), condition(np.ones((BATCH, 2)), maps)
    )
    np.testing.assert_allclose(image, maps[..., -1], rtol=1e-6)
    scheme(zn, function).velocity(jnp.zeros((BATCH, 5)), jnp.zeros(BATCH), condition(np.ones((BATCH, 2)), maps))
    assert seen == [(BATCH, *SHAPE, 3), (BATCH, 5, 1)]


@pytest.mark.parametrize(("shape", "inputs"), [((5,), 5 + 2), ((4, 3), 3 * 12 + 2)])
def test_the_network_is_built_for_what_it_will_be_given(zn: Detector, shape: tuple[int, ...], inputs: int):
    table = {"network": {"name": "mlp", "width": 8, "blocks": 1, "time_features": 2}}
    target = ResponseConfig().build(zn, {})
    setting = Setting(shape=shape, features=2, maps=2, target=target, readout=Readout(zn))
    flow: Any = FlowMatchingConfig.model_validate(table).build(setting, key=KEY)
    assert flow.network.enter.weight.shape == (inputs + 2, 8)
    maps = np.zeros((BATCH, *SHAPE, 2))
    sample = eqx.filter_jit(flow.sample)(condition(np.ones((BATCH, 2)), maps), KEY)
    assert sample.shape == (BATCH, *shape)
    other: Any = FlowMatchingConfig.model_validate(table).build(replace(setting, maps=0), key=KEY)
    assert (other.network.enter.weight.shape == flow.network.enter.weight.shape) == (len(shape) == 1)


@pytest.mark.parametrize(
    "table", [{"prediction": "noise"}, {"time_left": 0.0}, {"network": "euler"}, {"sampler": "mlp"}]
)
def test_impossible_settings_are_refused(table: dict[str, Any]):
    with pytest.raises(ValidationError):
        FlowMatchingConfig.model_validate({"network": "mlp", **table})
