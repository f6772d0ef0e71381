"""Layers against their plain formulations."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.layers.attention import ConditionalAttention
from zoo.layers.conv import Conv, Upsample
from zoo.layers.convolution import convolve_plain, convolve_widened
from zoo.layers.exp2 import exp2
from zoo.layers.initial import lecun_normal, normal
from zoo.layers.softmax_attention import attend_batched, attend_mapped
from zoo.layers.standardise import standardise_plain, standardise_rows


def heads(scale: float, tokens: int = 19) -> tuple[jax.Array, ...]:
    return tuple(scale * jax.random.normal(key, (2, 3, tokens, 5)) for key in jax.random.split(jax.random.key(0), 3))


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_mapped_attention_equals_the_plain_one_at_any_size_of_the_logits(scale: float):
    given = heads(scale)
    expected = attend_batched(*given)
    np.testing.assert_allclose(attend_mapped(*given), expected, atol=3e-5 * float(jnp.abs(expected).max()))


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_mapped_attention_has_the_gradient_of_the_plain_one(scale: float):
    given = heads(scale)

    def loss(attend):
        return lambda *given: jnp.sum(jnp.sin(attend(*given)))

    ours = jax.grad(loss(attend_mapped), argnums=(0, 1, 2))(*given)
    plain = jax.grad(loss(attend_batched), argnums=(0, 1, 2))(*given)
    for one, other in zip(ours, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4 * float(jnp.abs(other).max()) + 1e-6)


@pytest.mark.parametrize("shape", [(40, 8), (2, 3, 5, 7), (3, 1)])
@pytest.mark.parametrize("offset", [0.0, 20.0])
def test_standardised_rows_equal_the_plain_formulation_with_its_gradient(shape: tuple[int, ...], offset: float):
    keys = jax.random.split(jax.random.key(2), 2)
    x, weights = offset + jax.random.normal(keys[0], shape), jax.random.normal(keys[1], shape)

    def loss(standardise):
        return lambda x: jnp.sum(weights * jnp.sin(standardise(x, 1e-6)))

    np.testing.assert_allclose(standardise_rows(x, 1e-6), standardise_plain(x, 1e-6), atol=2e-4)
    expected = jax.grad(loss(standardise_plain))(x)
    np.testing.assert_allclose(
        jax.grad(loss(standardise_rows))(x), expected, atol=2e-4 * float(jnp.abs(expected).max() + 1)
    )


def test_mapped_attention_has_the_second_derivatives_of_the_plain_one():
    given = heads(1.0, tokens=5)

    def penalty(attend):
        inner = jax.grad(lambda *given: jnp.sum(jnp.sin(attend(*given))))
        return lambda *given: jnp.sum(jnp.square(inner(*given)))

    ours = jax.grad(penalty(attend_mapped), argnums=(0, 1, 2))(*given)
    plain = jax.grad(penalty(attend_batched), argnums=(0, 1, 2))(*given)
    for one, other in zip(ours, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4 * float(jnp.abs(other).max()) + 1e-6)


def test_fast_exponential_is_accurate_where_it_claims_to_be():
    x = jnp.linspace(-126.0, 127.0, 200_001)
    error = np.abs(np.asarray(exp2(x), np.float64) / np.exp2(np.asarray(x, np.float64)) - 1.0)
    assert error.max() < 3e-7
    assert float(jnp.max(exp2(jnp.asarray([-200.0, -1000.0])))) < 2.0**-125


@pytest.mark.parametrize(
    ("rows", "columns", "inside", "outside"), [(8, 12, 4, 8), (7, 9, 3, 2), (6, 6, 20, 5), (5, 11, 1, 4)]
)
def test_widened_convolution_equals_the_plain_one_with_its_gradients(
    rows: int, columns: int, inside: int, outside: int
):
    keys = jax.random.split(jax.random.key(1), 2)
    x = jax.random.normal(keys[0], (2, rows, columns, inside))
    kernel = jax.random.normal(keys[1], (3, 3, inside, outside))
    np.testing.assert_allclose(convolve_widened(x, kernel), convolve_plain(x, kernel), atol=1e-4)

    def loss(convolve):
        return lambda x, kernel: jnp.sum(jnp.sin(convolve(x, kernel)))

    ours = jax.grad(loss(convolve_widened), argnums=(0, 1))(x, kernel)
    plain = jax.grad(loss(convolve_plain), argnums=(0, 1))(x, kernel)
    for one, other in zip(ours, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_upsampling_convolves_the_map_of_repeated_pixels():
    up = Upsample(3, key=jax.random.key(2))
    x = jax.random.normal(jax.random.key(3), (2, 4, 5, 3))
    fine = jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)
    np.testing.assert_allclose(up(x), up.conv(fine), atol=1e-5)


@pytest.mark.parametrize(("size", "expected"), [(8, (4, 4)), (7, (4, 3))])
def test_strided_convolution_rounds_sizes_up_and_pads_as_xla_does(size: int, expected: tuple[int, int]):
    conv = Conv(1, 1, 3, stride=2, key=jax.random.key(0))
    x = jnp.zeros((1, size, size - 1 if size == 7 else size, 1)).at[0, 0, 0, 0].set(1.0)
    out = conv(x)
    assert out.shape[1:3] == expected
    # Even sizes pad nothing before the first pixel (tap 0 falls on it), odd ones one pixel (tap 1).
    row, column = (0 if n % 2 == 0 else 1 for n in x.shape[1:3])
    assert float(out[0, 0, 0, 0]) == pytest.approx(float(conv.weight[row, column, 0, 0]))


def test_dropping_the_first_token_shifts_the_map_by_one_pixel():
    x, condition = jax.random.normal(jax.random.key(4), (1, 3, 4, 8)), jax.random.normal(jax.random.key(5), (1, 6))
    last = ConditionalAttention(8, 8, 2, 6, drop_token="last", key=jax.random.key(6))(x, condition)
    first = ConditionalAttention(8, 8, 2, 6, drop_token="first", key=jax.random.key(6))(x, condition)
    np.testing.assert_allclose(first.reshape(12, 8)[:-1], last.reshape(12, 8)[1:], atol=1e-5)


def test_host_drawn_weights_have_the_right_moments_and_belong_to_their_key():
    weights = lecun_normal(jax.random.key(0), (100, 400))
    assert float(jnp.std(weights)) == pytest.approx(0.1, rel=0.02)
    assert float(jnp.abs(weights).max()) <= 2 * 0.1 / 0.8796 + 1e-6
    assert float(jnp.std(normal(0.3)(jax.random.key(1), (200, 200)))) == pytest.approx(0.3, rel=0.02)
    again, other = lecun_normal(jax.random.key(0), (100, 400)), lecun_normal(jax.random.key(1), (100, 400))
    assert bool(jnp.all(again == weights))
    assert not bool(jnp.any(other == weights))
    assert jax.eval_shape(lambda key: lecun_normal(key, (3, 4)), jax.random.key(0)).shape == (3, 4)
