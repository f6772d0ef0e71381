"""Batch normalisation: batch statistics in training, running ones in evaluation."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.layers.batch_norm import BatchNorm
from zoo.layers.buffer import Buffer
from zoo.optim.precision import cast

SHAPE = (6, 5, 4, 3)


def maps(seed: int = 0) -> np.ndarray:
    """Maps whose channels differ in mean and spread."""
    values = np.random.default_rng(seed).normal(size=SHAPE)
    return (values * [1.0, 3.0, 0.2] + [0.0, -2.0, 5.0]).astype("f4")


def test_training_normalises_with_the_batch():
    layer = eqx.tree_at(lambda layer: (layer.scale, layer.bias), BatchNorm(3), (jnp.full(3, 2.0), jnp.full(3, -1.0)))
    x = maps().astype("f8")
    normalised, _ = layer(jnp.asarray(maps()), training=True)
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    np.testing.assert_allclose(normalised, 2 * (x - mean) / np.sqrt(variance + 1e-5) - 1, rtol=1e-4, atol=1e-4)


def test_running_statistics_start_neutral_and_move_by_a_hundredth():
    x = maps().astype("f8")
    _, moved = BatchNorm(3)(jnp.asarray(maps()), training=True)
    np.testing.assert_allclose(moved.mean.value, 0.01 * x.mean(axis=(0, 1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(moved.variance.value, 0.99 + 0.01 * x.var(axis=(0, 1, 2)), rtol=1e-4)


def test_running_statistics_converge_to_those_of_the_batch():
    x = jnp.asarray(maps())
    layer = jax.lax.fori_loop(0, 1500, lambda _, layer: layer(x, training=True)[1], BatchNorm(3))
    np.testing.assert_allclose(layer.mean.value, maps().mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(layer.variance.value, maps().var(axis=(0, 1, 2)), rtol=1e-3)
    trained, _ = layer(x, training=True)
    evaluated, _ = layer(x, training=False)
    np.testing.assert_allclose(evaluated, trained, atol=1e-3)


def test_evaluation_uses_and_keeps_the_running_statistics():
    fresh = BatchNorm(3)
    layer = eqx.tree_at(lambda layer: layer.mean.value, fresh, jnp.full(3, 4.0))
    normalised, kept = layer(jnp.asarray(maps()), training=False)
    assert kept is layer
    np.testing.assert_allclose(normalised, (maps() - 4.0) / np.sqrt(1 + 1e-5), rtol=1e-5, atol=1e-5)


def test_only_the_running_statistics_move():
    layer = BatchNorm(3)
    _, moved = layer(jnp.asarray(maps()), training=True)
    weights, kept = (jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, Buffer))[:2] for tree in (layer, moved))
    assert all(one is other for one, other in zip(weights, kept, strict=True))


def test_nothing_is_derived_through_a_moved_layer():
    def moved(x: Any) -> Any:
        _, layer = BatchNorm(3)(x, training=True)
        return jnp.sum(layer.mean.value) + jnp.sum(layer.variance.value)

    assert not np.asarray(jax.grad(moved)(jnp.asarray(maps()))).any()


@pytest.mark.parametrize("channel", range(3))
def test_the_gradient_takes_the_statistics_along(channel: int):
    """A shift or a scale of a whole channel changes nothing, so its gradient has no component along them."""
    weights = np.random.default_rng(1).normal(size=SHAPE).astype("f4")
    gradient = jax.grad(lambda x: jnp.sum(weights * BatchNorm(3)(x, training=True)[0]))(jnp.asarray(maps()))
    along = np.asarray(gradient, "f8")[..., channel]
    size = np.abs(along).sum()
    assert size > 0
    assert abs(along.sum()) < 1e-3 * size
    assert abs((along * maps()[..., channel]).sum()) < 1e-3 * size * np.abs(maps()[..., channel]).max()


def test_it_stays_in_float32():
    layer = cast(BatchNorm(3), jnp.dtype("bfloat16"))
    assert layer.scale.dtype == layer.bias.dtype == layer.mean.value.dtype == jnp.float32
    normalised, moved = layer(jnp.asarray(maps(), jnp.bfloat16), training=True)
    assert normalised.dtype == moved.mean.value.dtype == jnp.float32
