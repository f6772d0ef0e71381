"""Normalizing flows of responses: what they see, what they generate, and what their student learns."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.cli.main import main
from zoo.data.condition import Condition
from zoo.data.events import Events
from zoo.data.features.features import Features
from zoo.data.readout import Readout
from zoo.data.target import ChannelsConfig, ResponseConfig
from zoo.detectors.detector import Detector
from zoo.errors import ComponentError
from zoo.layers.bayesian_linear import BayesianLinear
from zoo.schemes.direct.bayesian_regression import BayesianRegression, BayesianRegressionConfig
from zoo.schemes.model import Model
from zoo.schemes.normalizing_flows.flow_student import FlowStudent, FlowStudentConfig
from zoo.schemes.normalizing_flows.fractions import Fractions, FractionsConfig
from zoo.schemes.normalizing_flows.normalizing_flow import NormalizingFlow, NormalizingFlowConfig
from zoo.schemes.scheme import Batch, FittedScheme, Fitting, Setting

KEY = jax.random.key(2)
FEATURES, NUMBER = 3, 6
NETWORK = {"name": "autoregressive_flow", "blocks": 2, "hidden": 8, "layers": 1, "bins": 3, "dropout": 0.0}
VARIANTS = [(False, False), (True, False), (False, True), (True, True)]


class Same(FittedScheme):
    """The same channel sums for every particle."""

    sums: jax.Array

    def sample(self, condition: Condition, key: Any) -> jax.Array:
        return jnp.broadcast_to(self.sums, (len(condition.particles), len(self.sums)))


class First(Features):
    """The particle's first columns."""

    def __call__(self, particles: jax.Array) -> jax.Array:
        return particles[:, :FEATURES]


@pytest.fixture
def setting(zn: Detector) -> Setting:
    """A detector's, with an earlier stage `photons` of known sums."""
    sums = ChannelsConfig.model_validate({"transforms": []}).build(zn, {})
    photons = Model(First(), None, sums, Same(jnp.asarray([100.0, 50.0, 30.0, 15.0, 5.0])))
    target = ResponseConfig.model_validate({"transforms": []})
    return Setting(
        shape=target.shape(zn),
        features=FEATURES,
        maps=0,
        target=target.build(zn, {}),
        readout=Readout(zn),
        earlier={"photons": photons},
        constants={"mean": np.asarray(5.0), "std": np.asarray(1.0)},
    )


def flow(setting: Setting, **keys: Any) -> NormalizingFlow:
    config = NormalizingFlowConfig.model_validate({"photons": "photons", "network": NETWORK, **keys})
    return config.build(setting, key=KEY)


def condition() -> Condition:
    particles = jnp.asarray(np.random.default_rng(1).normal(size=(NUMBER, 9)), jnp.float32)
    return Condition(particles, particles[:, :FEATURES])


def batch(zn: Detector) -> Batch:
    counts = jnp.asarray(np.random.default_rng(2).poisson(0.1, (NUMBER, *zn.shape)), jnp.float32)
    return Batch(counts, counts, counts, condition())


@pytest.mark.parametrize(("subtract", "recalculate"), VARIANTS)
@pytest.mark.parametrize("noise", [0.01, 0.5, 1.0])
def test_shares_become_about_the_counts_they_came_from(subtract: bool, recalculate: bool, noise: float):
    counts = jnp.asarray(np.random.default_rng(0).poisson(3.0, (4, 5, 6)), jnp.float32)
    fractions = Fractions(FractionsConfig(noise=noise, subtract=subtract, recalculate=recalculate), (5, 6))
    total = counts.sum(axis=(1, 2))
    x = fractions.forward(counts, KEY)
    assert x.shape == (4, 30)
    assert np.isfinite(x).all()
    back = fractions.inverse(x, total)
    assert back.shape == counts.shape
    np.testing.assert_array_equal(back, np.floor(back))
    assert np.all(back >= 0)
    assert float(jnp.abs(back - counts).mean()) < 1.0
    if noise == 0.01 and not subtract and not recalculate:
        assert float((back == counts).mean()) > 0.9


def test_an_empty_response_stays_finite():
    fractions = Fractions(FractionsConfig(), (3, 3))
    x = fractions.forward(jnp.zeros((2, 3, 3)), KEY)
    assert np.isfinite(x).all()
    assert float(fractions.inverse(x, jnp.zeros(2)).sum()) <= 2 * 9


def test_the_loss_is_the_density_per_pixel(zn: Detector, setting: Setting):
    scheme, events = flow(setting), batch(zn)
    outcome = scheme.loss("flow", events, KEY)
    noise_key, _ = jax.random.split(KEY)
    x, context = scheme.seen(events, noise_key)
    assert context.shape == (NUMBER, FEATURES + 1)
    np.testing.assert_allclose(context[:, -1], jnp.log1p(events.counts.sum(axis=(1, 2))) - 5.0, rtol=1e-5)
    np.testing.assert_allclose(outcome.value, -scheme.log_density(x, context).mean() / 1936, rtol=1e-5)


def test_generated_responses_are_whole_and_as_many_as_drawn(setting: Setting):
    made = eqx.filter_jit(flow(setting, recalculate=True).sample)(condition(), KEY)
    assert made.shape == (NUMBER, 44, 44)
    np.testing.assert_array_equal(made, np.floor(made))
    assert np.all(made.sum(axis=(1, 2)) <= 200)


def generate(scheme: NormalizingFlow) -> None:
    jax.block_until_ready(eqx.filter_jit(scheme.sample)(condition(), KEY))
    jax.effects_barrier()


def test_any_flow_network_will_do_and_starts_from_the_training_events(zn: Detector, setting: Setting):
    table = {"name": "coupling_flow", "blocks": 2, "hidden": 4, "layers": 1, "bins": 2}
    config = NormalizingFlowConfig.model_validate({"photons": "photons", "network": table})
    counts = np.random.default_rng(2).poisson(0.1, (64, *zn.shape)).astype(np.uint16)
    train = Events(counts, np.ones((64, 9)), "test")
    fitting: Any = Fitting
    constants = config.fit(fitting(setting, train, None, train, First(), iter))
    assert set(constants) == set(config.unfitted(setting))
    scheme = config.build(replace(setting, constants=constants), key=KEY)
    x, context = scheme.seen(batch(zn), KEY)
    z, _ = scheme.network(x, context)
    assert float(jnp.abs(z.mean())) < 0.1
    assert float(z.std()) == pytest.approx(1.0, rel=0.1)
    assert np.isfinite(scheme.loss("flow", batch(zn), KEY).value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generate(scheme)


def test_bad_inversions_are_counted_aloud(setting: Setting):
    with pytest.warns(UserWarning, match=f"{NUMBER} of {NUMBER} responses"):
        generate(flow(setting, tolerance=1e-12))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generate(flow(setting))


def test_a_student_like_its_teacher_turned_round_has_no_error(zn: Detector, setting: Setting):
    teacher = flow(setting)
    config = FlowStudentConfig.model_validate({"teacher": "flow", "network": {**NETWORK, "blocks": 1}})
    earlier = {"flow": Model(First(), None, setting.target, teacher)}
    student = config.build(Setting(**{**vars(setting), "earlier": earlier}), key=KEY)

    class Inverse(eqx.Module):
        def __call__(self, z: jax.Array, context: jax.Array, key: Any = None) -> tuple[jax.Array, None]:
            return teacher.network.invert(z, context).vectors, None

    perfect = eqx.tree_at(lambda scheme: scheme.network, student, Inverse())
    assert float(perfect.loss("student", batch(zn), KEY).value) < 1e-3
    before = student.loss("student", batch(zn), KEY)
    assert float(before.value) > 0.1
    assert float(before.metrics["response"] + before.metrics["noise"]) == pytest.approx(float(before.value), rel=1e-5)
    assert student.sample(condition(), KEY).shape == (NUMBER, 44, 44)
    assert isinstance(student, FlowStudent)


def test_only_a_flow_has_a_student(setting: Setting):
    config = FlowStudentConfig.model_validate({"teacher": "photons", "network": NETWORK})
    with pytest.raises(ComponentError, match="no normalizing flow"):
        config.build(setting, key=KEY)


def test_a_flow_needs_photons_from_channels(setting: Setting):
    wrong = Model(First(), None, setting.target, setting.earlier["photons"].scheme)
    with pytest.raises(ComponentError, match="no channel sums"):
        flow(Setting(**{**vars(setting), "earlier": {"photons": wrong}}))


def bayesian(zn: Detector, **keys: Any) -> BayesianRegression:
    target = ChannelsConfig.model_validate({"transforms": []})
    setting = Setting(
        shape=target.shape(zn),
        features=FEATURES,
        maps=0,
        target=target.build(zn, {}),
        readout=Readout(zn),
        constants={"events": np.asarray(100.0)},
    )
    return BayesianRegressionConfig.model_validate({"width": 8, "layers": 2, **keys}).build(setting, key=KEY)


def test_a_bayesian_layer_draws_as_its_weights_would():
    layer = eqx.tree_at(lambda own: own.raw_std, BayesianLinear(4, 2, key=KEY), jnp.full((4, 2), 0.3))
    x = jnp.asarray([[1.0, -2.0, 0.5, 3.0]])
    drawn = layer(jnp.broadcast_to(x, (20_000, 4)), key=KEY)
    std = jax.nn.softplus(0.3) * jnp.sqrt((x**2).sum())
    np.testing.assert_allclose(drawn.mean(axis=0), (x @ layer.mean + layer.bias)[0], atol=0.08)
    np.testing.assert_allclose(drawn.std(axis=0), std, rtol=0.03)


def test_the_divergence_is_that_of_normal_distributions():
    layer = BayesianLinear(2, 2, key=KEY)
    std = np.asarray(jax.nn.softplus(layer.raw_std), np.float64)
    mean = np.asarray(layer.mean, np.float64)
    draws = mean + std * np.random.default_rng(0).normal(size=(200_000, 2, 2))
    estimate = (0.5 * draws**2 - 0.5 * ((draws - mean) / std) ** 2 - np.log(std)).sum(axis=(1, 2)).mean()
    assert float(layer.divergence()) == pytest.approx(estimate, rel=0.01)


def test_the_surprise_is_a_normal_density(zn: Detector):
    scheme = bayesian(zn, divergence_weight=0.0)
    x = jnp.asarray(np.random.default_rng(3).normal(size=(NUMBER, 5)), jnp.float32)
    outcome = scheme.loss("regressor", Batch(x, x, x, condition()), KEY)
    mean, factor = (np.asarray(part, np.float64) for part in scheme._normal(condition(), KEY))
    covariance = factor @ factor.swapaxes(1, 2)
    away = x - mean
    distance = np.einsum("br,brs,bs->b", away, np.linalg.inv(covariance), away)
    expected = 0.5 * (distance + np.linalg.slogdet(covariance)[1] + 5 * np.log(2 * np.pi))
    assert float(outcome.value) == pytest.approx(expected.mean(), rel=1e-4)


def test_a_bayesian_network_draws_differently_every_time(zn: Detector):
    scheme = bayesian(zn)
    one, other = (scheme.sample(condition(), key) for key in jax.random.split(KEY))
    assert one.shape == (NUMBER, 5)
    assert np.all(one >= 0)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("stages.flow.model.scheme.network.minimum=0.2", "do not fit"),
        ("stages.flow.model.scheme.noise=0", "noise"),
        ('stages.flow.model.scheme.photons="sums"', "sums"),
    ],
)
def test_what_cannot_be_is_one_line(setting: str, said: str, capsys: pytest.CaptureFixture[str]):
    assert main(["run", "recipes/zn_nf.toml", "--set", setting]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
