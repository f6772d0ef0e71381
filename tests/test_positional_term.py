"""The positional term of a GAN, an autoencoder or whatever makes responses."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.condition import Condition
from zoo.data.readout import Readout
from zoo.data.target import ResponseConfig
from zoo.detectors.focal_h import FoCalHConfig
from zoo.schemes.model import ModelConfig
from zoo.schemes.scheme import Batch, Setting
from zoo.schemes.terms.positional import PositionalConfig
from zoo.schemes.terms.term import Made, build_terms

SHAPE = (9, 7)
SMALL = replace(FoCalHConfig().build(), shape=SHAPE, pitch=(12.0, 16.0), readout=np.ones((1, *SHAPE), dtype=bool))
PARTICLES = np.array([[50.0, 3.6, 0.3], [120.0, 4.4, -2.0], [300.0, 5.2, 1.7], [80.0, 0.0, 0.0], [80.0, 2.0, 1.0]])
"""The fourth one flies along the face and never meets it, the last one meets its plane far outside."""


def made(counts: np.ndarray, order: np.ndarray) -> Made:
    """Responses to particles in another order than that of the events."""
    particles = jnp.asarray(PARTICLES, jnp.float32)
    dark = jnp.zeros((len(PARTICLES), *SHAPE))
    events = Batch(dark, dark, dark, Condition(particles, particles))
    own = particles[order]
    return Made(jnp.log1p(jnp.asarray(counts, jnp.float32)), Condition(own, own), events)


def setting() -> Setting:
    target = ResponseConfig.model_validate({}).build(SMALL, {})
    return Setting(shape=SHAPE, features=3, maps=0, target=target, readout=Readout(SMALL))


def test_it_is_the_mean_distance_of_signal_from_the_hit_of_the_particle_it_was_made_from():
    draw, order = np.random.default_rng(0), np.array([4, 2, 0, 1, 3])
    counts = draw.poisson(3.0, (5, *SHAPE)).astype(float)
    counts[2] = 0.0
    expected = []
    for image, (_, eta, phi) in zip(counts, PARTICLES[order], strict=True):
        theta = 2 * np.arctan(np.exp(-eta))
        off, total = 0.0, image.sum()
        if eta > 0 and total > 0:
            for axis, (pitch, part) in enumerate(zip(SMALL.pitch, (np.cos(phi), np.sin(phi)), strict=True)):
                hit = 700.0 * np.tan(theta) * part / pitch + (SHAPE[axis] - 1) / 2
                off += abs((image.sum(axis=1 - axis) * np.arange(SHAPE[axis])).sum() / total - hit)
        expected.append(off)
    assert expected[2] == expected[4] == 0.0
    assert min(expected[:2]) > 0.0
    given, term = made(counts, order), PositionalConfig().build(setting())
    value = jax.jit(lambda x: term(replace(given, x=x)))(given.x)
    assert float(value) == pytest.approx(np.mean(expected), rel=1e-4)


@pytest.mark.parametrize("level", [0.0, 1e-7, 1e-3])
def test_dark_responses_give_nothing_and_finite_gradients(level: float):
    given, term = made(np.full((5, *SHAPE), level), np.arange(5)), PositionalConfig().build(setting())
    value, gradient = jax.jit(jax.value_and_grad(lambda x: term(replace(given, x=x))))(given.x)
    assert float(value) == 0.0
    assert not np.asarray(gradient).any()


def test_its_gradient_pulls_signal_towards_the_hit():
    counts = np.full((5, *SHAPE), 2.0)
    given = made(counts, np.arange(5))
    terms = build_terms([PositionalConfig(weight=0.5)], setting())
    total = jax.jit(jax.value_and_grad(lambda x: terms(replace(given, x=x))[0]))
    before, gradient = total(given.x)
    assert np.isfinite(gradient).all()
    assert not np.asarray(gradient[3]).any()
    assert float(total(given.x - gradient)[0]) < float(before)


def test_every_scheme_that_makes_responses_takes_it():
    vit = {"name": "vit", "patch": 4, "width": 8, "heads": 1, "blocks": 1}
    for scheme in ({"name": "vae", "network": vit}, {"name": "gan", "generator": vit, "discriminator": vit}):
        ModelConfig.model_validate({"scheme": scheme | {"terms": [{"name": "positional", "weight": 0.3}]}})
