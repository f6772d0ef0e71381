"""Channel sums on the device, against plain sums on the host."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.events import Events
from zoo.data.readout import Readout
from zoo.detectors.detector import Detector


@pytest.fixture(params=["zn", "zp"])
def detector(request: pytest.FixtureRequest) -> Detector:
    return request.getfixturevalue(request.param)


def test_channel_sums_are_exact(detector: Detector):
    counts = np.random.default_rng(0).integers(0, 4000, (7, *detector.shape))
    expected = np.stack([counts[:, mask].sum(axis=1) for mask in detector.readout], axis=1)
    sums = np.asarray(Readout(detector)(jnp.asarray(counts, jnp.float32)))
    assert Readout(detector).channels == 5
    np.testing.assert_array_equal(sums, expected)
    np.testing.assert_array_equal(sums.sum(axis=1), counts.sum(axis=(1, 2)))


def test_channel_sums_of_the_shipped_data_are_those_of_its_data_card(zn: Detector, zn_sample: Events):
    sums = np.asarray(Readout(zn)(jnp.asarray(zn_sample.counts[:8000], jnp.float32)))
    # The card describes the whole production: means 63.6, 48.1, 50.8, 44.0, 209.5 and medians 6, 5, 5, 4, 101.
    np.testing.assert_allclose(sums.mean(axis=0), [63.6, 48.1, 50.8, 44.0, 209.5], rtol=0.2)
    np.testing.assert_allclose(np.median(sums, axis=0), [6, 5, 5, 4, 101], rtol=0.1, atol=1.5)


def test_spread_gives_every_pixel_the_value_of_its_channel(detector: Detector):
    values = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    image = np.asarray(Readout(detector).spread(jnp.asarray(values)))
    assert image.shape == (3, *detector.shape)
    for channel, mask in enumerate(detector.readout):
        assert (image[:, mask] == values[:, channel, None]).all()


def test_spread_is_the_transpose_of_the_sums(detector: Detector):
    draw = np.random.default_rng(0)
    counts = jnp.asarray(draw.poisson(5, (4, *detector.shape)), jnp.float32)
    values = jnp.asarray(draw.integers(-5, 5, (4, 5)), jnp.float32)
    readout = Readout(detector)
    summed = jnp.sum(readout(counts) * values, axis=1)
    np.testing.assert_allclose(summed, jnp.sum(counts * readout.spread(values), axis=(1, 2)), rtol=1e-6)
