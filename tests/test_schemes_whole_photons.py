"""Rounding to whole photons keeps what it promises to keep."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.readout import Readout
from zoo.detectors.zn import ZNConfig
from zoo.detectors.zp import ZPConfig
from zoo.schemes.whole_photons import whole_photons


@pytest.fixture(params=[ZNConfig, ZPConfig], ids=["zn", "zp"])
def readout(request: pytest.FixtureRequest) -> Readout:
    return Readout(request.param().build())


def responses(readout: Readout, sums: np.ndarray) -> jax.Array:
    """Random images whose channels have the given sums, with many tiny and a few large pixels."""
    rng = np.random.default_rng(0)
    image = jnp.asarray(rng.lognormal(-2.0, 2.0, (len(sums), *readout.detector.shape)), jnp.float32)
    return image * readout.spread(jnp.asarray(sums, jnp.float32) / readout(image))


def test_photons_are_whole_and_every_channel_keeps_its_sum(readout: Readout):
    sums = np.random.default_rng(1).integers(0, 3000, (16, 5))
    photons = whole_photons(responses(readout, sums), readout, jax.random.key(2))
    assert photons.shape == (16, *readout.detector.shape)
    assert bool(jnp.all(photons == jnp.round(photons)))
    assert bool(jnp.all(photons >= 0))
    np.testing.assert_array_equal(np.asarray(readout(photons)), sums)


def test_every_pixel_is_one_of_its_two_neighbouring_whole_numbers(readout: Readout):
    expected = responses(readout, np.full((8, 5), 500))
    photons = whole_photons(expected, readout, jax.random.key(3))
    assert float(jnp.max(jnp.abs(photons - expected))) < 1.001


def test_the_mean_over_many_roundings_is_the_expected_image(readout: Readout):
    expected = responses(readout, np.full((1, 5), 40))
    keys = jax.random.split(jax.random.key(4), 4000)
    mean = jnp.mean(jax.lax.map(lambda key: whole_photons(expected, readout, key), keys, batch_size=200), axis=0)
    # The variance of a rounded pixel is at most 1/4.
    assert float(jnp.max(jnp.abs(mean - expected))) < 6 * 0.5 / 4000**0.5


def test_an_empty_response_stays_empty(readout: Readout):
    empty = jnp.zeros((2, *readout.detector.shape))
    assert float(jnp.sum(whole_photons(empty, readout, jax.random.key(5)))) == 0.0
