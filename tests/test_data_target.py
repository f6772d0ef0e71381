"""Targets: what is generated, and the order of its chain of transforms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.catalogue import components
from zoo.data.constants import prefixed, within
from zoo.data.events import Events
from zoo.data.target import FIT_EVENTS, ChannelsConfig, ResponseConfig, TargetConfig
from zoo.detectors.detector import Detector
from zoo.errors import ComponentError

KEY = jax.random.key(0)
CHAIN = {"transforms": ["dequantise", "log1p", "standardise"]}


def on_device(events: Events) -> jax.Array:
    return jnp.asarray(events.counts, jnp.float32)


@pytest.mark.parametrize("name", components("target"))
def test_the_announced_shape_is_the_shape(name: str, zn: Detector, zn_events: Events):
    config: Any = components("target")[name]()
    target = config.build(zn, config.fit(zn, zn_events.counts))
    physical = target.physical(on_device(zn_events))
    assert physical.shape == (len(zn_events), *config.shape(zn))
    there = target.forward(physical, KEY)
    assert there.shape == physical.shape
    np.testing.assert_allclose(target.inverse(there), physical, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", components("target"))
@pytest.mark.parametrize("transforms", [[], ["log1p"], [{"name": "scale", "factor": 0.5}], CHAIN["transforms"]])
def test_there_are_never_fewer_photons_than_none(name: str, transforms: list, zn: Detector):
    config: Any = components("target")[name].model_validate({"transforms": transforms})
    target = config.build(zn, config.unfitted(zn))
    noise = 5 * jax.random.normal(KEY, (3, *config.shape(zn)))
    assert float(target.inverse(noise).min()) >= 0


def test_the_response_is_the_counts_and_the_channels_are_their_sums(zn: Detector, zn_events: Events):
    counts = on_device(zn_events)
    np.testing.assert_array_equal(ResponseConfig().build(zn, {}).physical(counts), counts)
    sums = np.asarray(ChannelsConfig().build(zn, {}).physical(counts))
    np.testing.assert_array_equal(sums.sum(axis=1), zn_events.counts.sum(axis=(1, 2)))


def test_every_transform_is_fitted_on_what_the_ones_before_it_leave(zn: Detector, zn_events: Events):
    config = ChannelsConfig.model_validate(CHAIN)
    constants = config.fit(zn, zn_events.counts)
    assert set(constants) == {"2/mean", "2/scale"}
    target = config.build(zn, constants)
    sums = target.physical(on_device(zn_events))
    logs = np.log1p(np.asarray(sums) + 0.5)
    np.testing.assert_allclose(constants["2/mean"], logs.mean(axis=0), atol=0.05)
    there = np.asarray(target.forward(sums, KEY))
    np.testing.assert_allclose(there.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(there.std(axis=0), 1, atol=0.05)
    np.testing.assert_allclose(target.inverse(jnp.asarray(there)), sums, atol=1)


def test_transforms_are_applied_in_their_order(zn: Detector):
    scaled_logs = ResponseConfig.model_validate({"transforms": ["log1p", {"name": "scale", "factor": 2.0}]})
    log_scaled = ResponseConfig.model_validate({"transforms": [{"name": "scale", "factor": 2.0}, "log1p"]})
    counts = jnp.full((1, 44, 44), 3.0)
    for config, expected in ((scaled_logs, 2 * np.log(4)), (log_scaled, np.log(7))):
        target = config.build(zn, config.unfitted(zn))
        np.testing.assert_allclose(target.forward(counts, KEY)[0, 0, 0], expected, rtol=1e-6)
        np.testing.assert_allclose(target.inverse(target.forward(counts, KEY)), counts, rtol=1e-5)


def test_two_transforms_that_add_noise_add_different_noise(zn: Detector):
    config = ResponseConfig.model_validate({"transforms": ["dequantise", "dequantise"]})
    noise = np.asarray(config.build(zn, {}).forward(jnp.zeros((4, 44, 44)), KEY))
    assert noise.var() == pytest.approx(2 / 12, rel=0.1)


def test_only_the_first_training_events_are_fitted_on(zn: Detector, monkeypatch: pytest.MonkeyPatch, zn_events: Events):
    assert FIT_EVENTS == 20_000
    monkeypatch.setattr("zoo.data.target.FIT_EVENTS", 20)
    config = ChannelsConfig.model_validate({"transforms": ["standardise"]})
    few, all_of_them = config.fit(zn, zn_events[:20].counts), config.fit(zn, zn_events.counts)
    np.testing.assert_array_equal(few["0/mean"], all_of_them["0/mean"])


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i8", "f4"])
def test_constants_do_not_depend_on_the_dtype_of_the_counts(zn: Detector, zn_events: Events, dtype: str):
    counts = np.minimum(zn_events.counts, 200)
    config: TargetConfig = ChannelsConfig.model_validate(CHAIN)
    expected, found = config.fit(zn, counts), config.fit(zn, counts.astype(dtype))
    assert all((found[name] == expected[name]).all() for name in expected)


def test_channels_need_a_readout(zn: Detector):
    blind = replace(zn, readout=np.zeros((0, 44, 44), bool))
    with pytest.raises(ComponentError, match=r"^target 'channels': ALICE ZN has no readout channels$"):
        ChannelsConfig().shape(blind)


def test_constants_are_kept_apart_by_their_prefix():
    one, other = {"mean": np.zeros(1)}, {"mean": np.ones(2), "0/scale": np.ones(3)}
    together = prefixed(one, "a") | prefixed(other, "ab")
    assert set(together) == {"a/mean", "ab/mean", "ab/0/scale"}
    assert within(together, "a") == one
    assert set(within(together, "ab")) == set(other)
