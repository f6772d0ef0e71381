"""Distance of the centre of mass from the expected hit, against plain loops, and where there is none."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoo.layers.centre_of_mass import EMPTY, positional_distances

SHAPE = (5, 7)
images = arrays(np.float64, st.tuples(st.integers(1, 4), st.just(5), st.just(7)), elements=st.floats(0, 1e4))
coordinate = st.one_of(st.floats(-50, 50), st.sampled_from([np.inf, -np.inf, np.nan]))


def by_loops(image: np.ndarray, point: np.ndarray) -> float | None:
    """|dx| + |dy| of one image, pixel by pixel; None where there is no centre, or no point."""
    total = row = column = 0.0
    for (i, j), signal in np.ndenumerate(image):
        total, row, column = total + signal, row + i * signal, column + j * signal
    if total < EMPTY or not np.isfinite(point).all():
        return None
    return abs(row / total - point[0]) + abs(column / total - point[1])


@settings(max_examples=50)
@given(images, st.tuples(coordinate, coordinate))
def test_the_distance_is_that_of_a_loop_over_pixels(images: np.ndarray, point: tuple[float, float]):
    points = np.tile(np.asarray(point), (len(images), 1))
    distances, known = positional_distances(images, points)
    for image, found, there in zip(images, distances, known, strict=True):
        expected = by_loops(image, np.asarray(point))
        assert there == (expected is not None)
        np.testing.assert_allclose(found, expected or 0.0, atol=1e-9)


def test_of_the_device_it_is_the_same():
    draw = np.random.default_rng(0)
    images, points = draw.exponential(5.0, (6, *SHAPE)), draw.uniform(0, 5, (6, 2))
    images[2], points[3, 0] = 0.0, np.inf
    found, known = positional_distances(jnp.asarray(images, jnp.float32), jnp.asarray(points, jnp.float32))
    expected, expected_known = positional_distances(images, points)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(known, expected_known)
    np.testing.assert_array_equal(known, [True, True, False, False, True, True])


def test_gradients_are_finite_and_nothing_pulls_at_an_image_that_has_next_to_nothing():
    images = jnp.zeros((4, *SHAPE)).at[1, 4, 6].set(1e-3).at[2].set(1.0).at[3].set(0.1)
    points = jnp.asarray([[1.0, 1.0], [1.0, 1.0], [jnp.nan, 0.0], [1.0, 1.0]])

    def total(images: jax.Array) -> jax.Array:
        return positional_distances(images, points, least=1.0)[0].sum()

    value, gradient = jax.value_and_grad(total)(images)
    assert float(value) > 0.0
    assert np.isfinite(gradient).all()
    assert not np.asarray(gradient[:3]).any()
    assert np.asarray(gradient[3]).any()


def test_the_gradient_moves_signal_towards_the_point():
    image = jnp.zeros((1, *SHAPE)).at[0, 0, 0].set(10.0).at[0, 4, 6].set(5.0)
    point = jnp.asarray([[4.0, 6.0]])
    gradient = jax.grad(lambda image: positional_distances(image, point)[0].sum())(image)[0]
    assert float(gradient[4, 6]) < 0.0 < float(gradient[0, 0])
