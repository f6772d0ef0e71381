"""Halving and doubling convolutions against the plain formulations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from zoo.layers.resize import double
from zoo.layers.strided_conv import HalvingConv, RepeatedConv, TransposedConv

KEY = jax.random.key(0)
MAPS = ("NHWC", "HWIO", "NHWC")


def halved(x: Any, weight: Any) -> Any:
    return lax.conv_general_dilated(x, weight, (2, 2), "SAME", dimension_numbers=MAPS)


def transposed(x: Any, weight: Any) -> Any:
    """Every coarse pixel times the kernel, laid over the fine map at its place, from a fine pixel in front on."""
    batch, rows, columns, _ = x.shape
    fine = jnp.zeros((batch, 2 * rows + 2, 2 * columns + 2, weight.shape[3]))
    for i in range(rows):
        for j in range(columns):
            spread = jnp.einsum("bi,klio->bklo", x[:, i, j], weight)
            fine = fine.at[:, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4].add(spread)
    return fine[:, 1:-1, 1:-1]


def repeated(x: Any, weight: Any) -> Any:
    return lax.conv_general_dilated(double(x), weight, (1, 1), "SAME", dimension_numbers=MAPS)


@pytest.mark.parametrize(
    ("layer", "plain", "shape"),
    [
        (HalvingConv, halved, (5, 8)),
        (HalvingConv, halved, (1, 7)),
        (TransposedConv, transposed, (2, 3)),
        (RepeatedConv, repeated, (3, 2)),
    ],
)
def test_a_layer_is_the_plain_convolution_forwards_and_backwards(
    layer: Any, plain: Callable[[Any, Any], Any], shape: tuple[int, int]
):
    made = layer(3, 2, key=KEY)
    made = eqx.tree_at(lambda own: own.bias, made, jnp.asarray([0.5, -0.25]))
    x = jnp.asarray(np.random.default_rng(0).standard_normal((2, *shape, 3)), jnp.float32)

    @jax.jit
    def both(x: Any, weight: Any) -> Any:
        def own(x: Any, weight: Any) -> Any:
            return eqx.tree_at(lambda layer: layer.weight, made, weight)(x)

        def expected(x: Any, weight: Any) -> Any:
            return plain(x, weight) + made.bias

        found = [jax.vjp(function, x, weight) for function in (own, expected)]
        gradient = jnp.sin(jnp.arange(found[0][0].size, dtype=jnp.float32)).reshape(found[0][0].shape)
        return [(value, *pull(gradient)) for value, pull in found]

    own, expected = both(x, made.weight)
    for one, other in zip(own, expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
