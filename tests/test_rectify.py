"""The ReLU of outputs and codes: ReLU forwards, and no way into the dark without a way out."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoo.layers.linear import Linear
from zoo.layers.rectify import rectify

VALUES = arrays(np.float32, 7, elements=st.floats(-3, 3, width=32, allow_subnormal=False))


@given(x=VALUES, gradient=VALUES)
def test_it_is_relu_but_for_gradients_that_lead_out_of_the_dark(x: np.ndarray, gradient: np.ndarray):
    value, backward = jax.vjp(rectify, jnp.asarray(x))
    np.testing.assert_array_equal(value, np.maximum(x, 0))
    (found,) = backward(jnp.asarray(gradient))
    np.testing.assert_array_equal(found, np.where((x > 0) | (gradient < 0), gradient, 0))


def test_a_silent_output_learns_again_where_that_of_relu_does_not():
    key = jax.random.key(0)
    x = jax.random.normal(key, (64, 3))
    target = jnp.abs(x @ jnp.ones((3, 1)))
    start = eqx.tree_at(lambda layer: layer.bias, Linear(3, 1, key=key), jnp.full(1, -50.0))

    def trained(activation) -> float:
        def loss(layer: Linear) -> jax.Array:
            return jnp.mean(jnp.square(activation(layer(x)) - target))

        adam = optax.adam(0.5)

        @jax.jit
        def step(layer, state):
            updates, state = adam.update(jax.grad(loss)(layer), state)
            return eqx.apply_updates(layer, updates), state

        layer, state = start, adam.init(start)
        for _ in range(300):
            layer, state = step(layer, state)
        return float(loss(layer))

    silent = float(jnp.mean(jnp.square(target)))
    assert trained(jax.nn.relu) == silent
    assert trained(rectify) < 0.5 * silent


def test_gradients_of_gradients_are_those_of_relu_where_it_is_lit():
    def penalty(activation):
        return jax.grad(lambda x: jnp.sum(jax.grad(lambda y: jnp.sum(activation(y) ** 3))(x) ** 2))

    x = jnp.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(penalty(rectify)(x), penalty(jax.nn.relu)(x), rtol=1e-6)
