"""Coupling flows: there and back, determinants against autodiff, and a start that the training vectors decide."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from zoo.architectures.coupling_flow import CouplingFlow, CouplingFlowConfig
from zoo.layers.act_norm import ActNorm
from zoo.layers.mixing import Mixing
from zoo.optim.precision import cast

KEY = jax.random.key(5)
SIZE, FEATURES, BATCH = 5, 3, 4
KINDS: list[Any] = ["permutation", "rotation"]


def build(size: int = SIZE, **keys: Any) -> CouplingFlow:
    config = CouplingFlowConfig.model_validate({"blocks": 2, "hidden": 8, "layers": 2, "bins": 4, "bound": 4.0} | keys)
    return config.flow(size, FEATURES, key=KEY)


def stirred(seed: int = 0, **keys: Any) -> CouplingFlow:
    """A flow whose splines bend and whose normalisations change something."""
    host = np.random.default_rng(seed)
    leaves, tree = jax.tree.flatten(build(**keys))
    std = {1: 0.3, 2: 0.2}
    drawn = [leaf + jnp.asarray(std[leaf.ndim] * host.normal(size=leaf.shape), jnp.float32) for leaf in leaves]
    return jax.tree.unflatten(tree, drawn)


def vectors(seed: int = 0, size: int = SIZE) -> tuple[jax.Array, jax.Array]:
    host = np.random.default_rng(seed)
    draw = 1.5 * host.normal(size=(BATCH, size)), host.normal(size=(BATCH, FEATURES))
    return jnp.asarray(draw[0], jnp.float32), jnp.asarray(draw[1], jnp.float32)


@eqx.filter_jit
def there_and_back(flow: CouplingFlow, x: jax.Array, context: jax.Array) -> Any:
    y, logarithm = flow(x, context)
    return y, logarithm, flow.invert(y, context)


@settings(max_examples=10)
@given(st.integers(0, 2**31), st.sampled_from(KINDS))
def test_a_flow_comes_back(seed: int, mixing: str):
    flow = stirred(seed, mixing=mixing)
    x, context = vectors(seed)
    y, logarithm, found = there_and_back(flow, x, context)
    assert not np.allclose(x, y, atol=0.1)
    assert np.isfinite(logarithm).all()
    np.testing.assert_allclose(found.vectors, x, atol=2e-3)
    assert np.all(found.error < 2e-3)
    assert int(found.passes) == 2


@pytest.mark.parametrize("mixing", KINDS)
@pytest.mark.parametrize("size", [2, 5])
def test_the_determinant_is_that_of_autodiff(mixing: str, size: int):
    flow = stirred(3, mixing=mixing, size=size)
    x, context = vectors(1, size)

    def one(x: jax.Array, context: jax.Array) -> jax.Array:
        return flow(x[None], context[None])[0][0]

    jacobians = np.asarray(eqx.filter_jit(jax.vmap(jax.jacobian(one)))(x, context))
    np.testing.assert_allclose(flow(x, context)[1], np.linalg.slogdet(jacobians)[1], atol=2e-3)


def test_the_condition_and_half_of_the_numbers_set_the_other_half():
    block = stirred(4).blocks[0]
    x, context = vectors(2)
    y, _ = block(x, context)
    elsewhere, _ = block(x, context + 1.0)
    np.testing.assert_array_equal(y[:, :3], elsewhere[:, :3])
    assert not np.allclose(y[:, 3:], elsewhere[:, 3:], atol=1e-3)
    moved, _ = block(x.at[:, 4].add(0.5), context)
    changed = np.abs(np.asarray(moved - y)).max(axis=0) > 1e-6
    np.testing.assert_array_equal(changed, [False, False, False, False, True])


@pytest.mark.parametrize("mixing", KINDS)
def test_it_starts_as_a_normalisation_of_the_training_vectors(mixing: Any):
    host = np.random.default_rng(0)
    x = (host.normal(size=(400, SIZE)) @ host.normal(size=(SIZE, SIZE)) + 7.0).astype(np.float32)
    config = CouplingFlowConfig(blocks=3, hidden=8, layers=1, bins=4, bound=20.0, mixing=mixing)
    flow = config.flow(SIZE, FEATURES, config.fit(x), key=KEY)
    context = jnp.ones((400, FEATURES))
    seen = jnp.asarray(x)
    for number, block in enumerate(flow.blocks):
        normal, _ = block.norm(seen)
        np.testing.assert_allclose(normal.mean(axis=0), 0.0, atol=1e-4)
        np.testing.assert_allclose(normal.std(axis=0), 1.0, rtol=1e-3)
        coupled, logarithm = block(seen, context)
        np.testing.assert_allclose(coupled, normal, atol=1e-4)
        np.testing.assert_allclose(logarithm, -jnp.log(seen.std(axis=0)).sum(), atol=1e-2)
        seen = config.mixed(number, coupled)
    y, _ = flow(jnp.asarray(x), context)
    np.testing.assert_allclose(y.std(axis=0), 1.0, rtol=1e-3)


def test_a_number_that_never_changes_is_no_trouble():
    x = np.tile(np.arange(SIZE, dtype=np.float32), (10, 1))
    config = CouplingFlowConfig(blocks=2, hidden=4, layers=1, bins=2)
    y, logarithm = config.flow(SIZE, FEATURES, config.fit(x), key=KEY)(jnp.asarray(x), jnp.zeros((10, FEATURES)))
    np.testing.assert_allclose(y, 0.0, atol=1e-3)
    assert np.isfinite(logarithm).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 6, 7])
def test_mixing_is_an_orthogonal_matrix(kind: Any, size: int):
    mixing = Mixing(size, kind, 3)
    matrix = np.asarray(mixing(jnp.eye(size)))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(size), atol=1e-5)
    np.testing.assert_allclose(mixing.invert(jnp.asarray(matrix)), np.eye(size), atol=1e-5)
    assert kind == "rotation" or set(matrix.ravel()) <= {0.0, 1.0}
    if size == 7:
        assert not np.allclose(matrix, Mixing(size, kind, 4)(jnp.eye(size)))


def test_gradients_reach_every_parameter_once_the_couplings_bend():
    x, context = vectors()

    def loss(flow: CouplingFlow) -> jax.Array:
        z, logarithm = flow(x, context)
        return jnp.mean(0.5 * jnp.sum(z * z, axis=-1) - logarithm)

    gradients = jax.tree.leaves(eqx.filter_jit(eqx.filter_grad(loss))(stirred(1)))
    assert all(np.isfinite(each).all() and np.abs(each).max() > 0 for each in gradients)


def test_normalisations_stay_float32_in_bfloat16():
    low = cast(build(), jnp.dtype(jnp.bfloat16))
    assert isinstance(low.blocks[0].norm, ActNorm)
    assert low.blocks[0].norm.mean.dtype == jnp.float32
    assert low.blocks[0].last.weight.dtype == jnp.bfloat16
    y, logarithm = low(*vectors())
    assert y.dtype == logarithm.dtype == jnp.float32


@pytest.mark.parametrize(("hidden", "layers", "bins", "blocks"), [(64, 3, 6, 8), (4, 1, 3, 2)])
def test_the_parameters_are_those_of_the_formula(hidden: int, layers: int, bins: int, blocks: int):
    size, half, other = 11_025, 5513, 5512
    config = CouplingFlowConfig(hidden=hidden, layers=layers, bins=bins, blocks=blocks)
    flow = eqx.filter_eval_shape(lambda key: config.flow(size, 3, key=key), KEY)
    block = (half + 3) * hidden + hidden + (layers - 1) * (hidden**2 + hidden)
    block += (hidden + 1) * other * (3 * bins - 1) + 2 * size
    assert sum(leaf.size for leaf in jax.tree.leaves(flow)) == blocks * block
    assert flow.features == 3


def test_too_many_pieces_are_refused():
    with pytest.raises(ValidationError, match="do not fit"):
        CouplingFlowConfig(bins=10, minimum=0.1)
