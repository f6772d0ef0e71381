"""Terms beside the loss of a diffusion: what they are told of the noisy states."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.architectures.time_network import TimeNetwork
from zoo.data.condition import Condition
from zoo.data.readout import Readout
from zoo.data.target import ChannelsConfig, ResponseConfig
from zoo.detectors.detector import Detector
from zoo.errors import ComponentError
from zoo.layers.training_only import without_training_only
from zoo.schemes.diffusion import Diffusion, DiffusionConfig, mixed
from zoo.schemes.scheme import Batch, Setting
from zoo.schemes.terms.term import build_terms

KEY = jax.random.key(3)
BATCH, SHAPE = 4, (5, 3)
TERMS = [{"name": "l1", "weight": 0.25}]


class Half(TimeNetwork):
    """Half of what comes in."""

    factor: jax.Array

    def __call__(self, x: Any, time: Any, features: Any, *, key: Any = None) -> Any:
        return self.factor * x


def setting_of(zn: Detector, kind: Any = ResponseConfig) -> Setting:
    target = kind.model_validate({"transforms": []})
    shape = SHAPE if kind is ResponseConfig else target.shape(zn)
    return Setting(shape=shape, features=2, maps=0, target=target.build(zn, {}), readout=Readout(zn))


def build(zn: Detector, **keys: Any) -> Diffusion:
    config, setting = DiffusionConfig.model_validate({"network": "mlp", "terms": TERMS, **keys}), setting_of(zn)
    return Diffusion(Half(jnp.asarray(0.5)), build_terms(config.terms, setting), setting.target, config, SHAPE)


def events() -> Batch:
    x = jnp.asarray(np.random.default_rng(0).normal(2.0, 1.0, (BATCH, *SHAPE)), jnp.float32)
    features = jnp.ones((BATCH, 2))
    return Batch(x, x, x, Condition(features, features))


@pytest.mark.parametrize("prediction", ["noise", "data", "velocity"])
def test_terms_are_told_the_data_seen_in_the_noisy_states(zn: Detector, prediction: str):
    diffusion, batch = build(zn, prediction=prediction), events()
    level_key, noise_key = jax.random.split(KEY)
    level = diffusion.config.levels().at(jax.random.randint(level_key, (BATCH,), 0, 1000))
    noise = jax.random.normal(noise_key, batch.x.shape)
    state, velocity = (np.asarray(part, np.float64) for part in mixed(batch.x, noise, level))
    a, s = (np.asarray(part, np.float64)[:, None, None] for part in (level.signal, level.noise))
    seen = {"noise": (state - s * 0.5 * state) / a, "data": 0.5 * state, "velocity": (a - s * 0.5) * state}[prediction]
    seen = np.clip(seen, -7.0, 7.0)
    wanted = {"noise": np.asarray(noise), "data": np.asarray(batch.x), "velocity": velocity}[prediction]
    term = np.abs(seen - np.asarray(batch.x)).sum(axis=(1, 2)).mean()
    outcome = diffusion.loss("denoiser", batch, KEY)
    assert float(outcome.metrics["l1"]) == pytest.approx(term, rel=1e-3)
    assert float(outcome.metrics[prediction]) == pytest.approx(np.square(0.5 * state - wanted).mean(), rel=1e-4)
    assert float(outcome.value) == pytest.approx(float(outcome.metrics[prediction]) + 0.25 * term, rel=1e-3)
    assert float(outcome.metrics["loss"]) == float(outcome.value)


def test_terms_pull_at_the_network_with_finite_gradients(zn: Detector):
    batch = events()

    @eqx.filter_jit
    @eqx.filter_grad
    def slope(diffusion: Diffusion) -> jax.Array:
        return diffusion.loss("denoiser", batch, KEY).value

    without, alone = (np.asarray(slope(build(zn, terms=terms)).network.factor) for terms in ([], TERMS))
    assert np.isfinite(alone)
    assert alone != without


def test_without_terms_there_is_the_loss_alone(zn: Detector):
    assert set(build(zn, terms=[]).loss("denoiser", events(), KEY).metrics) == {"loss"}


def test_what_is_kept_for_the_shelf_has_no_terms_and_samples(zn: Detector):
    batch = events()
    diffusion = build(zn, sampler={"name": "ddim", "steps": 2})
    kept = without_training_only(diffusion)
    assert kept.terms is None
    np.testing.assert_array_equal(kept.sample(batch.condition, KEY), diffusion.sample(batch.condition, KEY))


def test_channel_sums_have_no_terms(zn: Detector):
    config = DiffusionConfig.model_validate({"network": "mlp", "terms": TERMS})
    with pytest.raises(ComponentError, match="must be 'response'"):
        config.build(setting_of(zn, ChannelsConfig), key=KEY)
