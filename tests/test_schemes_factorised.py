"""Sums first, shape second: the sums are kept, and only the second stage is trained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoo.data.events import Events
from zoo.data.readout import Readout
from zoo.detectors.detector import Detector
from zoo.detectors.zdc import checkerboard_readout
from zoo.detectors.zn import ZNConfig
from zoo.errors import ComponentError
from zoo.schemes.factorised import Factorised, FactorisedConfig
from zoo.schemes.flow_matching import FlowMatching
from zoo.schemes.model import Model, ModelConfig, network_paths, parameter_counts
from zoo.schemes.scheme import Batch, Outcome, Scheme

KEY = jax.random.key(0)
SHAPE = (8, 6)
SMALL = replace(ZNConfig().build(), shape=SHAPE, readout=checkerboard_readout(*SHAPE))
"""A ZDC of few fibres: what is proven here does not depend on their number."""

NETWORK = {"name": "mlp", "width": 8, "blocks": 1, "time_features": 4}
FLOW = {"name": "flow_matching", "network": NETWORK, "sampler": {"name": "euler", "steps": 3}}
SUMS = {"condition": "kinematic", "target": {"name": "channels", "transforms": ["dequantise", "log1p"]}, "scheme": FLOW}
RESCALES = ["channels", "total"]


def model(table: Any, earlier: dict[str, Model] | None = None, detector: Detector = SMALL) -> Model:
    config = ModelConfig.model_validate(table)
    return config.build(detector, config.unfitted(detector), earlier or {}, key=KEY)


def factorised(rescale: str = "channels", *, whole: bool = False, sums: Any = SUMS) -> Model:
    scheme = {"name": "factorised", "sums": "first", "rescale": rescale, "whole": whole, "shape": FLOW}
    return model({"condition": "kinematic", "scheme": scheme}, {"first": model(sums)})


@pytest.fixture(scope="module")
def events(make_events) -> Events:
    return make_events(SMALL, 12)


@pytest.fixture(scope="module")
def built() -> Model:
    return factorised()


@pytest.fixture(scope="module")
def batch(built: Model, events: Events) -> Batch:
    make = eqx.filter_jit(lambda counts, particles: built.batch(counts, particles, KEY))
    return make(jnp.asarray(events.counts), jnp.asarray(events.particles, jnp.float32))


@eqx.filter_jit
def loss(scheme: Scheme, batch: Batch) -> Outcome:
    return scheme.loss("velocity", batch, KEY)


def shape_scheme(rescale: str) -> Factorised:
    config: Any = FactorisedConfig.model_validate({"sums": "first", "rescale": rescale, "shape": FLOW})
    nothing: Any = None
    return Factorised(nothing, nothing, Readout(SMALL), config)


rescaled = eqx.filter_jit(lambda scheme, response, sums: scheme.rescale(response, sums))

# Photons of a generated response, dark and nearly dark pixels among them, and sums from nothing to a bright shower.
photons = st.sampled_from([0.0, 1e-9, 1e-3, 0.5, 1.0, 40.0, 1000.0])
responses = arrays(np.float32, (4, *SHAPE), elements=photons, fill=st.just(0.0))
sums_drawn = arrays(np.float32, (4, 5), elements=st.sampled_from([0.0, 1.0, 3.0, 250.0, 4000.0]))


@given(response=responses, sums=sums_drawn)
def test_every_channel_has_the_sum_that_was_drawn(response: np.ndarray, sums: np.ndarray):
    found = np.asarray(rescaled(shape_scheme("channels"), jnp.asarray(response), jnp.asarray(sums)), np.float64)
    assert found.min() >= 0
    for channel, mask in enumerate(SMALL.readout):
        np.testing.assert_allclose(found[:, mask].sum(axis=1), sums[:, channel], rtol=1e-5)


@given(response=responses, sums=sums_drawn)
def test_the_whole_response_has_the_total_that_was_drawn(response: np.ndarray, sums: np.ndarray):
    found = np.asarray(rescaled(shape_scheme("total"), jnp.asarray(response), jnp.asarray(sums)), np.float64)
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=(1, 2)), sums.sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("rescale", RESCALES)
def test_a_response_without_light_gets_its_photons_spread_evenly(rescale: str):
    sums = jnp.array([[30.0, 6.0, 0.0, 12.0, 24.0]])
    found = np.asarray(rescaled(shape_scheme(rescale), jnp.zeros((1, *SHAPE)), sums))[0]
    for channel, mask in enumerate(SMALL.readout):
        even = float(sums[0, channel]) / mask.sum() if rescale == "channels" else 72.0 / 48
        np.testing.assert_allclose(found[mask], even, rtol=1e-5)


def test_rescaling_keeps_the_shape():
    response = np.random.default_rng(0).uniform(1, 5, (3, *SHAPE)).astype(np.float32)
    sums = np.random.default_rng(1).uniform(10, 500, (3, 5)).astype(np.float32)
    total = np.asarray(rescaled(shape_scheme("total"), jnp.asarray(response), jnp.asarray(sums)))
    np.testing.assert_allclose(
        total / total.sum(axis=(1, 2), keepdims=True), response / response.sum(axis=(1, 2), keepdims=True), rtol=1e-4
    )
    channels = np.asarray(rescaled(shape_scheme("channels"), jnp.asarray(response), jnp.asarray(sums)))
    for mask in SMALL.readout:
        factors = channels[:, mask] / response[:, mask]
        np.testing.assert_allclose(factors, factors[:, :1].repeat(mask.sum(), axis=1), rtol=1e-4)


@pytest.mark.parametrize(("rescale", "whole"), [("channels", True), ("total", False)])
def test_a_sample_has_the_sums_that_the_first_stage_drew(events: Events, rescale: str, whole: bool):
    built = factorised(rescale, whole=whole)
    particles = jnp.asarray(events.particles, jnp.float32)
    response = np.asarray(eqx.filter_jit(built.sample)(particles, KEY))
    scheme: Any = built.scheme
    drawn = np.asarray(eqx.filter_jit(scheme.sums.sample)(particles, jax.random.split(KEY, 3)[0]))
    assert response.shape == (len(events), *SHAPE)
    assert response.min() >= 0
    if whole:
        np.testing.assert_array_equal(response, np.round(response))
    if rescale == "channels":
        sums = np.stack([response[:, mask].sum(axis=1) for mask in SMALL.readout], axis=1)
        np.testing.assert_allclose(sums, drawn, rtol=1e-4, atol=1e-3)
    elif not whole:
        np.testing.assert_allclose(response.sum(axis=(1, 2)), drawn.sum(axis=1), rtol=1e-4)


def test_only_the_shape_network_is_trained(built: Model):
    assert built.scheme.players() == {"velocity": ("shape.network",)}
    assert network_paths(built.scheme) == ("shape.network",)
    assert set(parameter_counts(built.scheme)) == {"shape.network"}


def test_the_first_stage_gets_no_gradient(built: Model, batch: Batch):
    gradient: Any = eqx.filter_jit(eqx.filter_grad(lambda scheme, batch: loss(scheme, batch).value))(
        built.scheme, batch
    )
    assert all(not np.asarray(leaf).any() for leaf in jax.tree.leaves(gradient.sums))
    assert any(np.asarray(leaf).any() for leaf in jax.tree.leaves(gradient.shape))


def test_the_shape_is_trained_given_the_true_sums(built: Model, batch: Batch, events: Events):
    """The loss is the inner scheme's, with log sums, log total and channel fractions as further features."""
    scheme: Any = built.scheme
    sums = np.stack([events.counts[:, mask].sum(axis=1) for mask in SMALL.readout], axis=1).astype(np.float64)
    total = sums.sum(axis=1, keepdims=True)
    logs = np.log1p(np.hstack([sums, total])) / 3 - 1
    extra = np.hstack([logs, sums / np.maximum(total, 1)])
    condition = batch.condition.with_features(jnp.asarray(extra, jnp.float32))
    inner = eqx.tree_at(lambda batch: batch.condition, batch, condition)
    expected = float(loss(scheme.shape, inner).value)
    assert float(loss(scheme, batch).value) == pytest.approx(expected, rel=1e-4)
    brighter = eqx.tree_at(lambda batch: batch.counts, batch, 2 * batch.counts)
    assert float(loss(scheme, brighter).value) != pytest.approx(expected, rel=1e-4)


class Running(FlowMatching):
    """A scheme whose state moves with every loss."""

    def loss(self, player: str, batch: Any, key: Any) -> Outcome:
        moved = jax.tree.map(lambda leaf: leaf + 1 if eqx.is_inexact_array(leaf) else leaf, self)
        return Outcome(jnp.zeros(()), {}, moved)


def test_running_state_of_the_inner_scheme_is_carried_on(built: Model, batch: Batch):
    scheme: Any = built.scheme
    inner = scheme.shape
    running = Running(inner.network, inner.target, inner.config, inner.shape)
    outcome = loss(eqx.tree_at(lambda scheme: scheme.shape, scheme, running), batch)
    assert isinstance(outcome.scheme, Factorised)
    moved: Any = outcome.scheme
    np.testing.assert_allclose(moved.shape.network.leave.bias, inner.network.leave.bias + 1)
    np.testing.assert_array_equal(moved.sums.scheme.network.leave.bias, scheme.sums.scheme.network.leave.bias)


def test_the_target_has_to_be_the_response():
    scheme = {"name": "factorised", "sums": "first", "shape": FLOW}
    with pytest.raises(ComponentError, match=r"^scheme 'factorised' generates responses: model\.target must be"):
        model({"condition": "kinematic", "target": "channels", "scheme": scheme}, {"first": model(SUMS)})


def test_the_first_stage_has_to_generate_channel_sums():
    with pytest.raises(ComponentError, match=r"^scheme 'factorised': stage 'first' generates no channel sums;"):
        factorised(sums={"condition": "kinematic", "scheme": FLOW})
