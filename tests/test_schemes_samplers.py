"""Samplers against closed forms: exact where they should be, and of the order they claim."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from zoo.catalogue import components
from zoo.schemes.samplers.adaptive import AdaptiveConfig
from zoo.schemes.samplers.euler import EulerConfig
from zoo.schemes.samplers.heun import HeunConfig
from zoo.schemes.samplers.midpoint import MidpointConfig
from zoo.schemes.samplers.sampler import FixedStepConfig, SamplerConfig

SAMPLERS: dict[str, Any] = {
    name: config for name, config in components("sampler").items() if issubclass(config, SamplerConfig)
}
FIXED = {name: config for name, config in SAMPLERS.items() if issubclass(config, FixedStepConfig)}
ORDERS = {EulerConfig: 1, HeunConfig: 2, MidpointConfig: 2}
START = np.linspace(-2, 2, 6).reshape(3, 2).astype(np.float32)


def solved(config: Any, velocity: Any, start: Any = START) -> np.ndarray:
    """The state at t = 1, in one compiled call."""
    return np.asarray(jax.jit(lambda noise: config.integrate(velocity, noise))(jnp.asarray(start)))


@pytest.mark.parametrize(
    ("name", "shape"), [*((name, (2, 6, 4)) for name in SAMPLERS), *((name, (2, 5)) for name in FIXED)]
)
def test_straight_paths_are_exact_for_states_of_any_shape(name: str, shape: tuple[int, ...]):
    start = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    ends = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    found = solved(SAMPLERS[name](), lambda x, t: jnp.asarray(ends - start), start)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, ends, atol=1e-5)


@pytest.mark.parametrize("name", SAMPLERS)
def test_time_is_a_float32_scalar_and_runs_from_0_to_1(name: str):
    times = []

    def velocity(x: Any, t: Any) -> Any:
        times.append((t.shape, t.dtype))
        return jnp.full_like(x, t)

    found = solved(SAMPLERS[name](), velocity)
    assert set(times) == {((), jnp.dtype("float32"))}
    size = 1 / 11
    short = {EulerConfig: size / 2, HeunConfig: size**2 / 2}.get(SAMPLERS[name], 0.0)
    np.testing.assert_allclose(found - START, 0.5 - short, rtol=1e-4)


@pytest.mark.parametrize("config", ORDERS)
@pytest.mark.parametrize("steps", [1, 3, 11])
def test_exponential_growth_is_the_polynomial_of_the_order(config: Any, steps: int):
    """One step of dx/dt = a x multiplies by the Taylor polynomial of exp(a/n) to the order of the method."""
    rate = 1.5 / steps
    first, second = 1 + rate, 1 + rate + rate**2 / 2
    factor = {EulerConfig: first**steps, HeunConfig: second ** (steps - 1) * first, MidpointConfig: second**steps}
    found = solved(config(steps=steps), lambda x, t: 1.5 * x)
    np.testing.assert_allclose(found, START * factor[config], rtol=1e-5)


def test_heun_survives_a_field_without_a_value_at_the_end():
    found = solved(HeunConfig(), lambda x, t: (3.0 - x) / (1.0 - t))
    np.testing.assert_allclose(found, 3.0, rtol=1e-5)


def curved(x: Any, t: Any) -> Any:
    """A field that depends on both; its solution starting from c at 0 is exp(sin 2t) (c + t^2)."""
    return 2 * jnp.cos(2 * t) * x + 2 * t * jnp.exp(jnp.sin(2 * t))


EXACT = np.exp(np.sin(2.0)) * (START + 1.0)


@pytest.mark.parametrize("config", ORDERS)
def test_the_error_falls_with_the_order_of_the_method(config: Any):
    steps = np.array([8, 16, 32, 64])
    errors = [np.abs(solved(config(steps=int(n)), curved) - EXACT).max() for n in steps]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert -slope == pytest.approx(ORDERS[config], abs=0.25)


@pytest.mark.parametrize("solver", ["tsit5", "dopri5", "bosh3"])
def test_the_adaptive_solver_finds_the_solution(solver: str):
    found = solved(AdaptiveConfig.model_validate({"solver": solver, "rtol": 1e-5, "atol": 1e-5}), curved)
    np.testing.assert_allclose(found, EXACT, atol=2e-3)


def test_the_adaptive_solver_agrees_with_many_steps_of_euler():
    fine = solved(EulerConfig(steps=5000), curved)
    np.testing.assert_allclose(solved(AdaptiveConfig(), curved), fine, atol=2e-2)


def test_a_solution_that_needs_more_steps_than_allowed_is_nan():
    assert np.isnan(solved(AdaptiveConfig(max_steps=2, rtol=1e-5, atol=1e-5), curved)).all()


@pytest.mark.parametrize("name", FIXED)
def test_examples_do_not_influence_each_other(name: str):
    alone = solved(SAMPLERS[name](), curved, START[1:2])
    np.testing.assert_allclose(solved(SAMPLERS[name](), curved)[1:2], alone, rtol=1e-6)


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("steps", [0, -1, 10_001, 2.5])
def test_impossible_numbers_of_steps_are_refused(name: str, steps: float):
    with pytest.raises(ValidationError):
        SAMPLERS[name](steps=steps)
