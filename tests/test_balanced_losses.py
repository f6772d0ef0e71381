"""Losses put together by their values or by their gradients, and the hinge objective."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoo.layers.gradient_balance import with_gradient_norm
from zoo.schemes.gan.hinge import HingeConfig
from zoo.schemes.terms.balance import balanced

SHAPE = (2, 3, 2)
number = st.floats(-100, 100, width=32, allow_subnormal=False)
whole = arrays(np.float32, SHAPE, elements=number)
weights = st.floats(0.125, 8, width=32)


@given(x=whole, gradient=whole, norm=weights)
def test_the_identity_rescales_the_gradient_of_the_whole_batch(x: np.ndarray, gradient: np.ndarray, norm: float):
    same, pull = jax.vjp(lambda x: with_gradient_norm(x, norm), jnp.asarray(x))
    np.testing.assert_array_equal(same, x)
    (found,) = pull(jnp.asarray(gradient))
    wide = gradient.astype(np.float64)
    np.testing.assert_allclose(found, norm * wide / (np.linalg.norm(wide) + 1e-8), rtol=1e-5, atol=1e-7)


def test_no_gradient_stays_no_gradient():
    gradient = jax.grad(lambda x: jnp.sum(with_gradient_norm(x, 3.0) * 0.0))(jnp.ones(SHAPE))
    np.testing.assert_array_equal(gradient, 0.0)


LOSSES = {
    "small": (0.5, lambda x: 1e-3 * jnp.mean(jnp.square(x - 1.0))),
    "large": (2.0, lambda x: 1e4 * jnp.sum(jnp.abs(x + 3.0))),
}
X = jnp.linspace(-2.0, 2.5, 12).reshape(SHAPE)


def test_by_value_losses_are_weighted_and_added():
    (total, values), gradient = jax.value_and_grad(lambda x: balanced(x, LOSSES, "values"), has_aux=True)(X)
    assert values.keys() == LOSSES.keys()
    np.testing.assert_allclose(total, 0.5 * values["small"] + 2.0 * values["large"], rtol=1e-6)
    parts = [weight * jax.grad(loss)(X) for weight, loss in LOSSES.values()]
    np.testing.assert_allclose(gradient, parts[0] + parts[1], rtol=1e-6)


def test_by_gradient_every_loss_pulls_with_its_weight():
    (total, values), gradient = jax.value_and_grad(lambda x: balanced(x, LOSSES, "gradients"), has_aux=True)(X)
    np.testing.assert_allclose(total, sum(values.values()), rtol=1e-6)
    parts = {name: jax.grad(loss)(X) for name, (_, loss) in LOSSES.items()}
    expected = sum(LOSSES[name][0] * part / jnp.linalg.norm(part) for name, part in parts.items())
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("balance", ["values", "gradients"])
def test_no_losses_are_no_loss(balance):
    total, values = balanced(X, {}, balance)
    assert (float(total), values) == (0.0, {})


@given(real=arrays(np.float32, 5, elements=number), fake=arrays(np.float32, 5, elements=number))
def test_the_hinge(real: np.ndarray, fake: np.ndarray):
    hinge = HingeConfig()
    expected = np.maximum(1 - real, 0).mean() + np.maximum(1 + fake, 0).mean()
    np.testing.assert_allclose(hinge.discriminator(jnp.asarray(real), jnp.asarray(fake)), expected, rtol=1e-5)
    np.testing.assert_allclose(hinge.generator(jnp.asarray(fake)), -fake.mean(), rtol=1e-5, atol=1e-5)


def test_the_hinge_is_content_beyond_its_margin():
    hinge = HingeConfig()
    right, wrong = jnp.array([1.5, 7.0]), jnp.array([-1.5, -7.0])
    slope = jax.grad(lambda logits: hinge.discriminator(logits[0], logits[1]))
    np.testing.assert_array_equal(slope(jnp.stack([right, wrong])), 0.0)
    assert np.asarray(slope(jnp.stack([wrong, right]))).all()
