"""Dropout: how much is dropped, what is kept, and that masks have nothing to do with one another."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.layers.dropout import Dropout, random_bits

SHAPE = (64, 40, 50)
NUMBER = np.prod(SHAPE)


def mask(seed: int, rate: float = 0.5, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.asarray(Dropout(rate)(jnp.ones(shape), key=jax.random.key(seed))) > 0


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_rate_is_dropped_and_the_mean_is_kept(rate: float):
    dropped = np.asarray(Dropout(rate)(jnp.ones(SHAPE), key=jax.random.key(0)))
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(1 / (1 - rate))}
    error = np.sqrt(rate * (1 - rate) / NUMBER)
    assert abs((dropped == 0).mean() - rate) < 5 * error
    # Every row and every column, too: no structure along an axis.
    for axes in ((1, 2), (0, 2), (0, 1)):
        fractions = (dropped == 0).mean(axis=axes)
        spread = np.sqrt(rate * (1 - rate) / (NUMBER / len(fractions)))
        assert np.abs(fractions - rate).max() < 5 * spread
        assert fractions.std() == pytest.approx(spread, rel=0.5)


def test_without_key_or_rate_nothing_happens():
    x = jnp.linspace(-1, 1, 12)
    assert Dropout(0.5)(x, key=None) is x
    assert Dropout(0.0)(x, key=jax.random.key(0)) is x


def test_the_same_key_gives_the_same_mask():
    assert (mask(3) == mask(3)).all()


def test_masks_of_two_keys_are_independent():
    masks = [mask(seed).ravel() for seed in range(6)]
    masks += [mask(seed, shape=(NUMBER,)) for seed in range(6, 9)]
    correlations = np.corrcoef(masks)[np.triu_indices(len(masks), 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(NUMBER)


@pytest.mark.parametrize("lag", [1, 2, 3, 50, 64, 256, 2000, 65536])
def test_elements_of_a_mask_are_independent(lag: int):
    signs = 2.0 * mask(1).ravel() - 1.0
    assert abs((signs[lag:] * signs[:-lag]).mean()) < 5 / np.sqrt(NUMBER - lag)


@given(st.integers(0, 2**31 - 1))
def test_every_bit_is_a_fair_coin(seed: int):
    bits = np.asarray(random_bits(jax.random.key(seed), (4096,)))
    fractions = [((bits >> bit) & 1).mean() for bit in range(32)]
    assert np.abs(np.array(fractions) - 0.5).max() < 7 * 0.5 / np.sqrt(4096)


def test_the_gradient_passes_where_the_value_did():
    dropout, x = Dropout(0.3), jnp.linspace(1.0, 2.0, 100)
    value, pull = jax.vjp(lambda x: dropout(x, key=jax.random.key(2)), x)
    (gradient,) = pull(jnp.ones(100))
    np.testing.assert_allclose(gradient, value / x, rtol=1e-6)
    assert 0 < (np.asarray(gradient) == 0).sum() < 100


def test_it_keeps_the_dtype():
    assert Dropout(0.3)(jnp.ones(8, jnp.bfloat16), key=jax.random.key(0)).dtype == jnp.bfloat16
