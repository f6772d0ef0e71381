"""Rings around the expected hit: against a loop over rings, and the scheme that paints them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.architectures.perceptron import PerceptronConfig
from zoo.data.condition import Condition
from zoo.data.features.kinematic import KinematicConfig
from zoo.data.features.polar import PolarConfig
from zoo.data.readout import Readout
from zoo.data.target import ChannelsConfig, ResponseConfig
from zoo.detectors.detector import Detector
from zoo.detectors.focal_h import FoCalHConfig
from zoo.errors import ComponentError, DataError
from zoo.layers.rings import painted, ring_of, ring_sums
from zoo.schemes.ring_profile import RingProfile, RingProfileConfig
from zoo.schemes.scheme import Batch, Setting

KEY = jax.random.key(1)
RINGS = 148
PARTICLES = np.array([[50.0, 3.6, 0.3], [120.0, 4.4, -2.0], [300.0, 5.2, 1.7], [80.0, 2.0, 0.0]])
"""The last one flies past the face."""


def painted_by_loop(sums: np.ndarray, point: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """One image, ring after ring, as the paper says it; distances in float64."""
    row, column = np.indices(shape)
    point = np.asarray(point, np.float64)
    distance = np.hypot(row - point[0], column - point[1])
    image = np.zeros(shape, np.float32)
    for r in range(1, len(sums) + 1):
        inside = (distance >= r - 1) & (distance < r)
        if inside.any():
            image[inside] = sums[r - 1] / inside.sum()
    return image


@pytest.fixture(scope="module")
def focal() -> Detector:
    return FoCalHConfig().build()


def build(focal: Detector, **keys: Any) -> RingProfile:
    target = ResponseConfig.model_validate({"transforms": []})
    setting = Setting(
        shape=target.shape(focal),
        features=3,
        maps=0,
        target=target.build(focal, {}),
        readout=Readout(focal),
        constants={"scale": np.asarray(1000.0)},
    )
    return RingProfileConfig.model_validate(keys).build(setting, key=KEY)


def condition() -> Condition:
    particles = jnp.asarray(PARTICLES, jnp.float32)
    return Condition(particles, particles / 100.0)


coordinate = st.integers(-30, 40) | st.integers(-60, 80).map(lambda half: half / 2) | st.floats(2, 40, width=32)
"""Of a point: on a pixel, between two, or anywhere."""


@settings(max_examples=20, deadline=None)
@given(st.tuples(coordinate, coordinate), st.tuples(st.integers(1, 9), st.integers(1, 9)), st.integers(1, 20))
def test_painting_is_the_loop_over_rings(point: tuple[float, float], shape: tuple[int, int], rings: int):
    sums = np.random.default_rng(0).uniform(0, 100, rings).astype(np.float32)
    ring = ring_of(jnp.asarray([point], jnp.float32), shape, rings)
    image = painted(jnp.asarray(sums)[None], ring)[0]
    np.testing.assert_array_equal(image, painted_by_loop(sums, np.asarray(point, np.float32), shape))


def test_no_pixel_on_the_edge_of_a_ring_is_on_its_other_side(focal: Detector):
    """Distances in float32 put dozens of these pixels there."""
    near = np.random.default_rng(3).uniform(2.0, 102.0, (1500, 2)).astype(np.float32)
    points = np.concatenate([near, np.round(near[:50]), 3.0 * near[:50] - 100.0])
    row, column = np.indices(focal.shape)
    distance = np.hypot(row - points[:, 0, None, None].astype(float), column - points[:, 1, None, None].astype(float))
    expected = np.minimum(np.floor(distance), RINGS)
    np.testing.assert_array_equal(jax.jit(ring_of, static_argnums=(1, 2))(points, focal.shape, RINGS), expected)
    away = [np.square(pixel - points[:, axis, None, None]) for axis, pixel in enumerate((row, column))]
    assert np.any(np.minimum(np.floor(np.sqrt(np.add(*away, dtype=np.float32))), RINGS) != expected)


def test_painting_loses_nothing_but_rings_without_pixels():
    points = jnp.asarray([[3.2, 4.9], [50.0, 2.0]])
    sums = jnp.asarray(np.random.default_rng(1).uniform(0, 100, (2, 9)), jnp.float32)
    ring = ring_of(points, (8, 10), 9)
    image = painted(sums, ring)
    there = ring_sums(jnp.ones((2, 8, 10)), ring, 9) > 0
    np.testing.assert_allclose(image.sum(axis=(1, 2)), jnp.where(there, sums, 0.0).sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(ring_sums(image, ring, 9), jnp.where(there, sums, 0.0), rtol=1e-5)
    assert not there[1].any()


def test_a_point_that_is_not_finite_has_no_rings():
    ring = ring_of(jnp.asarray([[jnp.nan, 1.0], [jnp.inf, 0.0]]), (4, 4), 5)
    assert np.all(np.asarray(ring) == 5)
    assert np.all(np.asarray(painted(jnp.ones((2, 5)), ring)) == 0)


@pytest.mark.parametrize("rising", [True, False])
def test_images_are_the_steps_of_zeta(focal: Detector, rising: bool):
    scheme = build(focal, rising=rising)
    image = np.asarray(scheme.sample(condition(), KEY))
    assert image.shape == (4, 105, 105)
    assert np.isfinite(image).all()
    assert (image >= 0).all()
    zeta = np.asarray(scheme.zeta(condition()))
    assert zeta.shape == (4, RINGS)
    assert np.all(np.diff(zeta, axis=1) > 0) or not rising
    steps = 1000.0 * np.maximum(np.diff(zeta, axis=1, prepend=0.0), 0.0)
    points = focal.impact(condition().particles)
    for one, sums, point in zip(image, steps, points, strict=True):
        np.testing.assert_allclose(one, painted_by_loop(sums, point, focal.shape), rtol=1e-4)


def test_the_loss_is_that_of_the_signal_within_every_distance(focal: Detector):
    scheme = build(focal)
    counts = np.random.default_rng(2).poisson(0.05, (4, 105, 105)).astype(np.float32)
    batch = Batch(jnp.asarray(counts), jnp.asarray(counts), jnp.asarray(counts), condition())
    row, column = np.indices(focal.shape)
    true = np.zeros((4, RINGS))
    for event, point in enumerate(np.asarray(focal.impact(condition().particles), np.float64)):
        distance = np.hypot(row - point[0], column - point[1])
        true[event] = [counts[event][distance < r].sum() for r in range(1, RINGS + 1)]
    expected = np.mean((np.asarray(scheme.zeta(condition())) - true / 1000.0) ** 2)
    assert float(scheme.loss("regressor", batch, KEY).value) == pytest.approx(expected, rel=1e-5)


def test_dark_events_have_a_loss(focal: Detector):
    dark = jnp.zeros((4, 105, 105))
    value, gradient = jax.value_and_grad(lambda x: build(focal).loss("regressor", Batch(x, x, x, condition()), KEY)[0])(
        dark
    )
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(("hidden", "count"), [((64, 64), 14_036), ((128, 32, 32), 10_580)])
def test_the_published_networks_have_the_published_sizes(hidden: tuple[int, ...], count: int):
    network = PerceptronConfig(hidden=hidden).vector(3, RINGS, key=KEY)
    assert sum(leaf.size for leaf in jax.tree.leaves(network)) == count


def test_activations_come_in_turn():
    network = PerceptronConfig(hidden=(4, 4, 4, 4), activations=("tanh", "relu")).vector(3, 2, key=KEY)
    x = jax.random.normal(KEY, (5, 3))
    h = x
    for layer, activation in zip(network.layers[:-1], (jnp.tanh, jax.nn.relu) * 2, strict=True):
        h = activation(layer(h))
    np.testing.assert_allclose(network(x), network.layers[-1](h), rtol=1e-6)


def test_channel_sums_cannot_be_painted(focal: Detector):
    target = ChannelsConfig.model_validate({"transforms": []})
    setting = Setting(target.shape(focal), 3, 0, target.build(focal, {}), Readout(focal))
    with pytest.raises(ComponentError, match="must be 'response'"):
        RingProfileConfig().build(setting, key=KEY)


def test_polar_features_are_standard_and_know_the_impact_point(focal: Detector):
    config = PolarConfig(octaves=2)
    constants = config.fit(focal, PARTICLES)
    features = np.asarray(config.build(focal, constants)(jnp.asarray(PARTICLES, jnp.float32)))
    assert features.shape == (4, config.size(focal)) == (4, 14)
    np.testing.assert_allclose(features[:, :2].mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(features[:, :2].std(axis=0), 1.0, rtol=1e-4)
    np.testing.assert_allclose(features[:, 2], np.sin(PARTICLES[:, 2]), atol=1e-5)
    np.testing.assert_allclose(features[:, 4:6], focal.impact(PARTICLES) / 52.0 - 1.0, rtol=1e-3)


@pytest.mark.parametrize(
    ("column", "value", "said"), [(0, 0.0, "needs it positive"), (0, None, "energy"), (1, None, "eta")]
)
def test_polar_features_refuse_what_they_cannot_use(focal: Detector, column: int, value: float | None, said: str):
    particles = PARTICLES.copy()
    particles[:, column] = particles[0, column] if value is None else value
    with pytest.raises(DataError, match=said):
        PolarConfig().fit(focal, particles)


def test_kinematic_features_name_what_focal_has_not(focal: Detector):
    with pytest.raises(DataError, match="no particle column 'pz'"):
        KinematicConfig().fit(focal, PARTICLES)
