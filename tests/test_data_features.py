"""Condition features: sizes, fits on the training events only, and what they tell apart."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.catalogue import components
from zoo.data.events import Events
from zoo.data.features.kinematic import KinematicConfig
from zoo.data.features.published import PublishedConfig
from zoo.detectors.detector import Detector
from zoo.errors import DataError

# "polar" is for other particles: tests/test_ring_profile.py.
CONFIGS: dict[str, Any] = {name: config() for name, config in components("features").items() if name != "polar"} | {
    "kinematic without octaves": KinematicConfig(octaves=0),
    "kinematic with many": KinematicConfig(octaves=10),
}


def features(config: Any, detector: Detector, train: np.ndarray, particles: np.ndarray | None = None) -> np.ndarray:
    """Features of particles (of the training particles where there are no others)."""
    built = eqx.filter_jit(config.build(detector, config.fit(detector, train)))
    return np.asarray(built(jnp.asarray(train if particles is None else particles, jnp.float32)))


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("sample", ["zn_sample", "zp_sample"])
def test_features_of_all_shipped_particles_are_finite_and_of_the_announced_size(
    name: str, sample: str, request: pytest.FixtureRequest
):
    events, detector = request.getfixturevalue(sample), request.getfixturevalue(sample[:2])
    particles = np.unique(events.particles, axis=0)
    found = features(CONFIGS[name], detector, particles)
    assert found.shape == (len(particles), CONFIGS[name].size(detector))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 60


@pytest.mark.parametrize("name", CONFIGS)
def test_constants_have_the_announced_names_and_shapes(name: str, zn: Detector, zn_events: Events):
    announced, fitted = CONFIGS[name].unfitted(zn), CONFIGS[name].fit(zn, zn_events.particles)
    assert {key: value.shape for key, value in fitted.items()} == {k: v.shape for k, v in announced.items()}
    untrained = eqx.filter_jit(CONFIGS[name].build(zn, announced))(jnp.asarray(zn_events.particles, jnp.float32))
    assert np.isfinite(np.asarray(untrained)).all()


@pytest.mark.parametrize("name", CONFIGS)
def test_the_pdg_id_is_not_used(name: str, zn: Detector, zn_events: Events):
    particles = zn_events.particles
    renamed = particles.copy()
    renamed[:, 9] = 7
    expected = features(CONFIGS[name], zn, particles)
    np.testing.assert_array_equal(features(CONFIGS[name], zn, renamed), expected)
    np.testing.assert_array_equal(features(CONFIGS[name], zn, particles[:, :9]), expected)


@pytest.mark.parametrize("name", CONFIGS)
def test_different_particles_have_different_features(name: str, zn: Detector, zn_sample: Events):
    particles = np.unique(zn_sample.particles, axis=0)
    found = features(CONFIGS[name], zn, particles)
    assert len(np.unique(np.round(found, 4), axis=0)) == len(particles)


@pytest.mark.parametrize("name", CONFIGS)
def test_features_are_fitted_on_what_they_are_given(name: str, zn: Detector, zn_events: Events):
    train, other = zn_events.particles[:30], zn_events.particles[30:]
    everything = CONFIGS[name].fit(zn, zn_events.particles)
    fitted = CONFIGS[name].fit(zn, train)
    assert any((fitted[key] != everything[key]).any() for key in fitted)
    alone = features(CONFIGS[name], zn, train, other[:1])
    np.testing.assert_allclose(features(CONFIGS[name], zn, train, other)[:1], alone, rtol=1e-5, atol=1e-5)


def test_published_features_are_the_nine_columns_standardised(zn: Detector, zn_events: Events):
    columns = zn_events.particles[:, :9]
    expected = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    np.testing.assert_allclose(features(PublishedConfig(), zn, zn_events.particles), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("value", [0.0, 0.1, 139.57])
def test_a_constant_column_is_refused_by_name_or_fed_as_zero(zn: Detector, zn_events: Events, value: float):
    particles = zn_events.particles.copy()
    particles[:, 7] = value
    with pytest.raises(DataError) as raised:
        PublishedConfig().fit(zn, particles)
    message = str(raised.value)
    assert message.startswith(f"condition column without variance in the training events: mass = {value:g};")
    assert "\n" not in message
    found = features(PublishedConfig(constant="zero"), zn, particles)
    np.testing.assert_allclose(found[:, 7], 0, atol=1e-6)
    assert found[:, 0].std() == pytest.approx(1, rel=1e-5)


def test_all_constant_columns_are_named_at_once(zn: Detector, zn_events: Events):
    particles = zn_events.particles.copy()
    particles[:, [2, 8]] = [0.5, -1]
    with pytest.raises(DataError, match=r"vy = 0\.5, charge = -1;"):
        PublishedConfig().fit(zn, particles)


def with_column(events: Events, number: int, value: float, rows: Any = slice(None)) -> np.ndarray:
    particles = events.particles.copy()
    particles[rows, number] = value
    return particles


@pytest.mark.parametrize(
    ("column", "value", "rows", "message"),
    [
        (0, 0.0, 4, r"^training event 4 has energy 0 GeV; log energy needs it positive$"),
        (0, -2.5, 0, r"^training event 0 has energy -2.5 GeV; "),
        (6, 0.0, 7, r"^training event 7 has pz = 0: it never meets the front face of ALICE ZN$"),
        (0, 300.0, slice(None), r"^condition column without variance in the training events: energy = 300; "),
        (0, 100.1, slice(None), r"^condition column without variance in the training events: energy = 100.1; "),
    ],
)
def test_kinematic_features_refuse_what_they_cannot_describe(
    zn: Detector, zn_events: Events, column: int, value: float, rows: Any, message: str
):
    with pytest.raises(DataError, match=message):
        KinematicConfig().fit(zn, with_column(zn_events, column, value, rows))


def test_kinematic_features_say_energy_place_and_kind(zn: Detector, zn_events: Events):
    particles = zn_events.particles
    found = features(KinematicConfig(octaves=0), zn, particles)
    log_energy = np.log(particles[:, 0])
    np.testing.assert_allclose(found[:, 0], (log_energy - log_energy.mean()) / log_energy.std(), rtol=1e-3, atol=1e-4)
    assert ((found[:, 3] == 1) == (particles[:, 9] == 22)).all()
    np.testing.assert_array_equal(found[:, 2], particles[:, 8])
    np.testing.assert_allclose(found[:, 4:6], zn.impact(particles) / 21.5 - 1, atol=1e-3)


def test_the_parity_feature_tells_even_from_odd_fibres(zn: Detector):
    """On the middle of a fibre it is 1 on the even, -1 on the odd fibres of the checkerboard; between them 0."""
    pitch, face = zn.pitch[0], zn.face
    particles = np.zeros((4, 9))
    particles[:, 0] = [100, 200, 300, 400]
    particles[:, 6] = 100.0
    for row, (x, y) in enumerate([(0.5, 0.5), (1.5, 0.5), (0.5, 1.0), (-2.5, -2.5)]):
        particles[row, 4:6] = np.array([x, y]) * pitch / face * 100.0
    parity = features(KinematicConfig(octaves=0), zn, particles)[:, 6]
    np.testing.assert_allclose(parity, [1, -1, 0, 1], atol=1e-2)
