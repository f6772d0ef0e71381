"""The Sinkhorn divergence against dense float64 references, its limits and its gradients."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from zoo.schemes.terms.sinkhorn import SinkhornConfig, annealing, sinkhorn_divergence

PUBLISHED = annealing(0.01, 1e-5, 0.95)
WIDE = annealing(6.0, 0.5, 0.9)
"""Temperatures of the order of the clouds' own distances."""
CONVERGED = np.append(annealing(6.0, 0.5, 0.9), np.full(200, 0.25, np.float32))
"""The same, and many more steps at the last one."""
SHARP = annealing(1.0, 0.1, 0.9)
"""Temperatures at which a plan is close to an assignment."""

solve = jax.jit(jax.value_and_grad(sinkhorn_divergence, argnums=(0, 1)))


def divergence(x: np.ndarray, y: np.ndarray, epsilons: np.ndarray) -> float:
    return float(solve(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32), epsilons)[0])


def gradients(x: np.ndarray, y: np.ndarray, epsilons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = solve(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32), epsilons)[1]
    return np.asarray(found[0], np.float64), np.asarray(found[1], np.float64)


def clouds(seed: int = 0, sizes: tuple[int, int] = (9, 9), shift: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    # Representable in float32, so that both precisions see the same points.
    x, y = draw.normal(size=(sizes[0], 3)), draw.normal(size=(sizes[1], 3)) * 0.7 + shift
    return x.astype(np.float32).astype(np.float64), y.astype(np.float32).astype(np.float64)


def cost(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 0.5 * np.square(x[:, None] - y[None]).sum(axis=-1)


def softmin(eps: float, values: np.ndarray) -> np.ndarray:
    smallest = values.min(axis=1)
    return smallest - eps * np.log(np.exp((smallest[:, None] - values) / eps).mean(axis=1))


def entropic(x: np.ndarray, y: np.ndarray, eps: float) -> float:
    """OT_eps by alternating updates of the dual potentials to their fixed point."""
    c, f, g = cost(x, y), np.zeros(len(x)), np.zeros(len(y))
    for _ in range(100_000):
        g = softmin(eps, c.T - f)
        moved = softmin(eps, c - g)
        if np.abs(moved - f).max() < 1e-12:
            return float(moved.mean() + g.mean())
        f = moved
    raise AssertionError("not converged")


def entropic_self(x: np.ndarray, eps: float) -> float:
    """OT_eps of a cloud with itself, whose two potentials are one: averaged updates to the fixed point."""
    c, f = cost(x, x), np.zeros(len(x))
    for _ in range(100_000):
        moved = (f + softmin(eps, c - f)) / 2
        if np.abs(moved - f).max() < 1e-12:
            return 2 * float(moved.mean())
        f = moved
    raise AssertionError("not converged")


def debiased(x: np.ndarray, y: np.ndarray, eps: float) -> float:
    return entropic(x, y, eps) - entropic_self(x, eps) / 2 - entropic_self(y, eps) / 2


def annealed(x: np.ndarray, y: np.ndarray, epsilons: np.ndarray) -> list[np.ndarray]:
    """The four potentials before the last step, in float64, transport by transport."""
    pairs = [(x, y), (y, x), (x, x), (y, y)]
    opposite = [1, 0, 2, 3]

    def updated(potentials: list[np.ndarray], eps: float) -> list[np.ndarray]:
        return [softmin(eps, cost(*pair) - potentials[o]) for pair, o in zip(pairs, opposite, strict=True)]

    potentials = updated([np.zeros(len(pair[0])) for pair in pairs], epsilons[0])
    for eps in epsilons:
        potentials = [(old + new) / 2 for old, new in zip(potentials, updated(potentials, eps), strict=True)]
    return potentials


def last_step(
    x: np.ndarray, y: np.ndarray, moved_x: np.ndarray, moved_y: np.ndarray, potentials: list[np.ndarray], eps: float
) -> float:
    """The value of one more update, in which only the first cloud of every cost moves."""
    f, g, xx, yy = potentials
    of_x = softmin(eps, cost(moved_x, y) - g).mean() - softmin(eps, cost(moved_x, x) - xx).mean()
    return of_x + softmin(eps, cost(moved_y, x) - f).mean() - softmin(eps, cost(moved_y, y) - yy).mean()


def published_value(x: np.ndarray, y: np.ndarray, epsilons: np.ndarray) -> float:
    return last_step(x, y, x, y, annealed(x, y, epsilons), float(epsilons[-1]))


def test_the_annealing_is_the_published_one():
    """d^2, then exp(s) for s from 2 ln d in steps of 2 ln 0.95 down to 2 ln b, then b^2."""
    assert PUBLISHED[0] == PUBLISHED[1] == np.float32(1e-4)
    assert PUBLISHED[-1] == np.float32(1e-10)
    np.testing.assert_allclose(PUBLISHED[2:-1] / PUBLISHED[1:-2], 0.95**2, rtol=1e-5)
    assert PUBLISHED[-2] > 1e-10 >= PUBLISHED[-2] * 0.95**2
    assert len(PUBLISHED) == 2 + 135


@pytest.mark.parametrize("sizes", [(9, 9), (7, 12)])
def test_the_value_is_the_fixed_point_of_entropic_transport(sizes: tuple[int, int]):
    x, y = clouds(sizes=sizes)
    expected = debiased(x, y, 0.25)
    assert divergence(x, y, CONVERGED) == pytest.approx(expected, rel=1e-5)
    assert divergence(x, y, WIDE) == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("seed", range(3))
def test_without_blur_it_is_the_best_assignment(seed: int):
    x, y = clouds(seed)
    rows, columns = linear_sum_assignment(cost(x, y))
    found = divergence(x, y, annealing(6.0, 0.01, 0.97))
    assert found == pytest.approx(cost(x, y)[rows, columns].mean(), rel=5e-3)


@pytest.mark.parametrize(("seed", "shift"), [(0, 1.0), (1, 0.0), (2, 1e-3)])
def test_with_the_published_settings_it_is_the_published_loop(seed: int, shift: float):
    x, y = clouds(seed, sizes=(16, 16), shift=shift)
    expected = published_value(x, y, PUBLISHED.astype(np.float64))
    assert divergence(x, y, PUBLISHED) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("epsilons", [SHARP, WIDE], ids=["sharp", "wide"])
def test_the_gradient_is_that_of_a_last_step_with_fixed_potentials(epsilons: np.ndarray):
    x, y = clouds(4, sizes=(5, 6))
    potentials, eps, step = annealed(x, y, epsilons.astype(np.float64)), float(epsilons[-1]), 1e-5
    for cloud, found in enumerate(gradients(x, y, epsilons)):
        for index in itertools.product(range(len(found)), range(found.shape[1])):
            nudge = np.zeros_like(found)
            nudge[index] = step
            moved = [(x + sign * nudge, y) if cloud == 0 else (x, y + sign * nudge) for sign in (1, -1)]
            high, low = (last_step(x, y, *pair, potentials, eps) for pair in moved)
            assert found[index] == pytest.approx((high - low) / (2 * step), abs=1e-4)


def test_at_convergence_the_gradient_is_that_of_the_divergence():
    x, y = clouds(5, sizes=(5, 6))
    step = 1e-4
    for cloud, found in enumerate(gradients(x, y, CONVERGED)):
        for index in itertools.product(range(len(found)), range(found.shape[1])):
            nudge = np.zeros_like(found)
            nudge[index] = step
            moved = [(x + sign * nudge, y) if cloud == 0 else (x, y + sign * nudge) for sign in (1, -1)]
            high, low = (debiased(*pair, 0.25) for pair in moved)
            assert found[index] == pytest.approx((high - low) / (2 * step), abs=1e-4)


@pytest.mark.parametrize("epsilons", [PUBLISHED, WIDE], ids=["published", "wide"])
def test_equal_clouds_have_no_divergence_and_no_gradient(epsilons: np.ndarray):
    x, _ = clouds()
    assert divergence(x, x, epsilons) == 0
    for found in gradients(x, x, epsilons):
        np.testing.assert_allclose(found, 0, atol=1e-6)


def test_the_order_of_points_does_not_matter():
    x, y = clouds()
    assert divergence(x[::-1].copy(), y, WIDE) == pytest.approx(divergence(x, y, WIDE), rel=1e-5)
    assert divergence(x, x[::-1].copy(), WIDE) == pytest.approx(0, abs=1e-6)


@given(seed=st.integers(0, 2**32 - 1), shift=st.floats(-2, 2), wide=st.booleans())
def test_it_is_symmetric_and_not_negative(seed: int, shift: float, wide: bool):
    x, y = clouds(seed, shift=shift)
    epsilons = WIDE if wide else PUBLISHED
    one, other = divergence(x, y, epsilons), divergence(y, x, epsilons)
    assert one == pytest.approx(other, rel=1e-4, abs=1e-5)
    if wide:
        assert one > -1e-5


@given(seed=st.integers(0, 2**32 - 1))
def test_following_the_gradient_brings_the_clouds_together(seed: int):
    x, y = clouds(seed)
    before = divergence(x, y, WIDE)
    for _ in range(20):
        x = x - len(x) * 0.5 * gradients(x, y, WIDE)[0]
    assert divergence(x, y, WIDE) < 0.2 * before


def test_large_distances_stay_finite():
    """Channel sums of thousands of photons with the published blur."""
    draw = np.random.default_rng(0)
    x, y = 5000 * draw.uniform(size=(9, 3)), 5000 * draw.uniform(size=(9, 3))
    assert np.isfinite(divergence(x, y, PUBLISHED))
    assert all(np.isfinite(found).all() for found in gradients(x, y, PUBLISHED))


def test_low_precision_clouds_are_compared_in_float32():
    x, y = (jnp.asarray(cloud, jnp.bfloat16) for cloud in clouds())
    value = SinkhornConfig(diameter=6.0, blur=0.5, scaling=0.9).divergence(x, y)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(divergence(np.asarray(x, "f4"), np.asarray(y, "f4"), WIDE), rel=1e-5)
