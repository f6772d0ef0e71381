"""Splines and autoregressive flows: there and back, determinants against autodiff, densities that integrate to one."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from zoo.architectures.autoregressive_flow import AutoregressiveFlow, AutoregressiveFlowConfig, mixing
from zoo.layers.masked_linear import Degrees
from zoo.layers.spline import Spline, inverted, numbers_per_spline, spline, transformed
from zoo.optim.precision import cast

KEY = jax.random.key(5)
SIZE, FEATURES, BATCH = 5, 3, 4
KINDS = ("spread", "sequential")


def knots(seed: int, number: int, bins: int, scale: float, minimum: float, bound: float = 4.0) -> Spline:
    raw = np.random.default_rng(seed).normal(scale=scale, size=(number, numbers_per_spline(bins)))
    return spline(jnp.asarray(raw, jnp.float32), bins, bound, minimum)


def stirred(size: int = SIZE, scale: float = 1.0, **keys: Any) -> AutoregressiveFlow:
    """A flow whose splines are far from straight."""
    config = AutoregressiveFlowConfig.model_validate({"hidden": 16, "bins": 4, "bound": 4.0, "dropout": 0.0, **keys})
    flow = config.flow(size, FEATURES, key=KEY)
    leaves, tree = jax.tree.flatten(flow)
    drawn = [
        leaf + scale * jax.random.normal(jax.random.fold_in(KEY, n), leaf.shape) / leaf.shape[0] ** 0.5
        for n, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(tree, drawn)


def vectors(size: int = SIZE, spread: float = 1.5) -> tuple[jax.Array, jax.Array]:
    keys = jax.random.split(jax.random.key(9))
    return spread * jax.random.normal(keys[0], (BATCH, size)), jax.random.normal(keys[1], (BATCH, FEATURES))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([2, 8]), st.floats(0.1, 4.0), st.sampled_from([1e-3, 1e-2]))
def test_a_spline_comes_back_within_1e_5(seed: int, bins: int, scale: float, minimum: float):
    found = knots(seed, 64, bins, scale, minimum)
    y = jnp.asarray(np.random.default_rng(seed + 1).uniform(-5.0, 5.0, 64), jnp.float32)
    x = inverted(y, found)
    _, slope = transformed(x, found)
    # Where a spline is steep a rounded x is as far from y as the slope says.
    assert np.all(np.abs(transformed(x, found)[0] - y) <= 1e-5 * np.maximum(1.0, np.exp(slope)))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 2.0))
def test_the_slope_of_a_spline_is_that_of_autodiff(seed: int, scale: float):
    found = knots(seed, 32, 5, scale, 1e-2)
    x = jnp.asarray(np.random.default_rng(seed).uniform(-4.5, 4.5, 32), jnp.float32)
    slopes = jax.grad(lambda x: jnp.sum(transformed(x, found)[0]))(x)
    np.testing.assert_allclose(transformed(x, found)[1], jnp.log(slopes), atol=2e-3)


def test_a_spline_rises_and_is_the_identity_outside():
    found = knots(3, 1, 6, 3.0, 1e-3)
    widths, heights, slopes = (jnp.broadcast_to(array, (2001, array.shape[1])) for array in found[:3])
    wide = Spline(widths, heights, slopes, found.bound)
    x = jnp.linspace(-6.0, 6.0, 2001)
    y, logarithm = transformed(x, wide)
    assert np.all(np.diff(y) >= -1e-6)
    outside = np.abs(np.asarray(x)) >= found.bound
    np.testing.assert_array_equal(y[outside], x[outside])
    np.testing.assert_array_equal(logarithm[outside], 0.0)


def test_a_spline_is_that_of_distrax():
    distrax = pytest.importorskip("distrax")
    bins, bound, minimum = 6, 4.0, 1e-3
    raw = jnp.asarray(np.random.default_rng(0).normal(size=(50, numbers_per_spline(bins))), jnp.float32)
    ours = spline(raw, bins, bound, minimum)
    # Theirs takes all slopes, and is straight where ours would need the logit of 1.
    straight = np.log(np.expm1(1.0 - minimum))
    slopes = jnp.pad(raw[:, 2 * bins :] - straight, [(0, 0), (1, 1)])
    theirs = distrax.RationalQuadraticSpline(
        jnp.concatenate([raw[:, : 2 * bins], slopes], axis=-1),
        range_min=-bound,
        range_max=bound,
        boundary_slopes="identity",
        min_bin_size=minimum * 2 * bound,
        min_knot_slope=minimum,
    )
    x = jnp.asarray(np.random.default_rng(1).uniform(-5, 5, 50), jnp.float32)
    expected, logarithm = theirs.forward_and_log_det(x)
    found, own = transformed(x, ours)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(own, logarithm, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("units", [3, 7, 20])
def test_hidden_units_see_part_of_the_inputs(kind: Literal["spread", "sequential"], units: int):
    degrees = np.asarray(Degrees(units, SIZE, kind)())
    assert degrees.min() == 1
    assert degrees.max() <= SIZE - 1
    if kind == "spread" or units >= SIZE - 1:
        assert set(degrees) == set(range(1, SIZE)) or units < SIZE - 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_depends_on_those_before_it_alone(kind: str):
    block = stirred(degrees=kind).blocks[0]
    x, context = vectors()
    jacobian = jax.jacobian(lambda x: block(x[None], context[:1])[0][0])(x[0])
    assert np.all(np.triu(jacobian, 1) == 0)
    assert np.all(np.diagonal(jacobian) > 0)
    assert np.count_nonzero(np.tril(jacobian, -1)) > 0
    by_condition = jax.jacobian(lambda c: block(x[:1], c[None])[0][0])(context[0])
    assert np.count_nonzero(by_condition) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_determinant_is_that_of_autodiff(kind: str):
    flow = stirred(degrees=kind)
    x, context = vectors()
    _, logarithms = flow(x, context)
    for one, condition, logarithm in zip(x, context, logarithms, strict=True):
        jacobian = jax.jacobian(lambda x, condition=condition: flow(x[None], condition[None])[0][0])(one)
        sign, expected = np.linalg.slogdet(np.asarray(jacobian, np.float64))
        assert abs(sign) == 1
        np.testing.assert_allclose(logarithm, expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("size", "scale"), [(5, 1.0), (40, 0.5)])
def test_all_at_once_is_one_after_the_other(size: int, scale: float):
    flow = stirred(size, scale, blocks=3)
    y, context = vectors(size)
    found = flow.invert(y, context)
    np.testing.assert_allclose(found.vectors, flow.invert_in_order(y, context), atol=1e-4)
    np.testing.assert_allclose(flow(found.vectors, context)[0], y, atol=1e-3)
    np.testing.assert_allclose(found.error, np.abs(flow(found.vectors, context)[0] - y).max(axis=1), atol=1e-6)
    assert 3 <= int(found.passes) <= 3 * size


def test_an_inversion_takes_fewer_passes_where_numbers_depend_weakly():
    flow = stirred(60, 0.05, blocks=2)
    y, context = vectors(60)
    assert int(flow.invert(y, context).passes) < 2 * 60 / 4


def test_in_bfloat16_the_way_back_is_the_way_there():
    flow = cast(stirred(scale=1.0), jnp.dtype(jnp.bfloat16))
    y, context = vectors()
    assert float(flow.invert(y, context).error.max()) < 1e-3


def test_a_density_integrates_to_one():
    flow = stirred(2, 1.0, blocks=3)
    edge = np.linspace(-8.0, 8.0, 401)
    grid = jnp.asarray(list(itertools.product(edge, edge)), jnp.float32)
    z, logarithm = flow(grid, jnp.ones((len(grid), FEATURES)))
    density = jnp.exp(logarithm - 0.5 * jnp.sum(z**2, axis=-1) - jnp.log(2 * jnp.pi))
    assert float(density.sum()) * (edge[1] - edge[0]) ** 2 == pytest.approx(1.0, abs=0.01)


def test_orders_alternate_and_lose_nothing():
    assert list(mixing(0, 6)) == [5, 4, 3, 2, 1, 0]
    assert list(mixing(2, 6)) == [5, 4, 3, 2, 1, 0]
    assert sorted(mixing(1, 6)) == list(range(6))
    assert list(mixing(1, 30)) == list(mixing(1, 30)) != list(range(30))


def test_the_published_flow_has_the_published_size():
    flow = jax.eval_shape(lambda: AutoregressiveFlowConfig().flow(1936, 10, key=jax.random.key(0)))
    sizes = [sum(leaf.size for leaf in jax.tree.leaves(block)) for block in flow.blocks]
    assert sizes == [71_747_192] * 4
    assert sum(sizes) == 286_988_768


def test_bins_must_fit():
    with pytest.raises(ValidationError, match="do not fit"):
        AutoregressiveFlowConfig.model_validate({"bins": 200, "minimum": 0.01})
