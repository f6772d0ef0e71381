"""Condition maps against brute force."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from zoo.data.events import Events
from zoo.data.maps.impact_maps import ImpactMapsConfig
from zoo.detectors.detector import Detector


def blob(detector: Detector, impact: np.ndarray, width: float) -> np.ndarray:
    """exp(-d^2 / 2 w^2), pixel by pixel."""
    image = np.zeros(detector.shape)
    for row in range(detector.shape[0]):
        for column in range(detector.shape[1]):
            distance = np.hypot(row - impact[0], column - impact[1])
            image[row, column] = np.exp(-(distance**2) / (2 * width**2))
    return image


@pytest.mark.parametrize("name", ["zn", "zp"])
def test_impact_maps_are_gaussians_around_the_impact_point(name: str, make_events, request: pytest.FixtureRequest):
    detector: Detector = request.getfixturevalue(name)
    particles = make_events(detector, 3).particles
    config = ImpactMapsConfig.model_validate({"widths": [0.7, 3.0, 20.0]})
    maps = np.asarray(eqx.filter_jit(config.build(detector))(jnp.asarray(particles, jnp.float32)))
    assert maps.shape == (3, *detector.shape, config.channels())
    assert config.channels() == 3
    for event, impact in enumerate(detector.impact(particles)):
        for number, width in enumerate((0.7, 3.0, 20.0)):
            np.testing.assert_allclose(maps[event, ..., number], blob(detector, impact, width), atol=2e-3)


def test_maps_of_a_particle_do_not_depend_on_its_neighbours(zn: Detector, zn_events: Events):
    maps = eqx.filter_jit(ImpactMapsConfig().build(zn))
    particles = jnp.asarray(zn_events.particles[:4], jnp.float32)
    np.testing.assert_allclose(maps(particles)[2:3], maps(particles[2:3]), rtol=1e-4, atol=1e-6)


def test_a_particle_that_misses_has_dark_narrow_maps(zn: Detector):
    particle = jnp.array([[100.0, 0, 0, 0, 0.1, 0, 100.0, 0, 0]])
    maps = np.asarray(eqx.filter_jit(ImpactMapsConfig().build(zn))(particle))
    assert np.isfinite(maps).all()
    assert maps[..., 0].max() == 0


@pytest.mark.parametrize("widths", [[], [0.0], [-1.0], ["wide"], 3.0])
def test_widths_are_positive_and_there_is_one(widths: object):
    with pytest.raises(ValidationError):
        ImpactMapsConfig.model_validate({"widths": widths})
