"""Optimizers, schedules against their closed forms, weight averages, and what a precision leaves alone."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from zoo.catalogue import components, published
from zoo.layers.buffer import Buffer
from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.optim.averaging import moved_average
from zoo.optim.precision import cast, compute_dtype
from zoo.optim.schedules import ConstantConfig, HalfCosineConfig, OneCycleConfig, WarmupCosineConfig

PEAK = 2.7e-3


def rates(config: Any, steps: int, last: int | None = None) -> np.ndarray:
    """The learning rate of steps 0 to `last`."""
    count = (steps if last is None else last) + 1
    return np.asarray(jax.vmap(config.build(PEAK, steps))(jnp.arange(count)), np.float64)


def cosine(start: float, stop: float, fraction: np.ndarray) -> np.ndarray:
    return stop + (start - stop) * (1 + np.cos(np.pi * fraction)) / 2


@pytest.mark.parametrize("name", components("schedule"))
@given(steps=st.integers(1, 10**6), place=st.floats(0, 1.5))
def test_every_schedule_stays_between_zero_and_its_peak(name: str, steps: int, place: float):
    schedule: Any = components("schedule")[name]().build(PEAK, steps)
    assert 0 <= float(schedule(int(place * steps))) <= PEAK * (1 + 1e-6)


def test_constant_is_the_peak():
    np.testing.assert_allclose(rates(ConstantConfig(), 5, last=10), PEAK, rtol=1e-6)


@pytest.mark.parametrize(
    ("warmup", "div", "final_div"), [(0.2, 25.0, 1000.0), (0.5, 10.0, 10.0), (0.04, 260.0, 9500.0)]
)
def test_one_cycle_is_the_schedule_of_the_papers(warmup: float, div: float, final_div: float):
    """From peak/div rise (cosine) to the peak at warmup*T, fall (cosine) to peak/(div*final_div), and stay there."""
    steps = 50
    rise = int(warmup * steps)
    step = np.arange(steps + 6)
    rising = cosine(PEAK / div, PEAK, step / rise)
    falling = cosine(PEAK, PEAK / (div * final_div), np.minimum(1, (step - rise) / (steps - rise)))
    found = rates(OneCycleConfig(warmup=warmup, div=div, final_div=final_div), steps, last=steps + 5)
    np.testing.assert_allclose(found, np.where(step < rise, rising, falling), rtol=1e-4, atol=1e-9)


def test_the_published_zp_run_stops_at_82_percent_of_the_peak():
    """Trap 2: laid out for the 41,942 steps of the ZN training set, ended after the 17,750 of ZP."""
    assert float(OneCycleConfig().build(2.7e-3, 41_942)(17_750)) == pytest.approx(2.21e-3, rel=5e-3)


@given(steps=st.integers(1, 30), warmup=st.floats(0.01, 0.99))
def test_one_cycle_of_very_few_steps_is_still_finite(steps: int, warmup: float):
    found = rates(OneCycleConfig(warmup=warmup), steps, last=30)
    assert np.isfinite(found).all()
    assert found.min() > 0


@pytest.mark.parametrize(("warmup", "final"), [(0.1, 0.0), (0.25, 0.01), (0.0, 0.1), (0.02, 1.0)])
def test_warmup_cosine_rises_on_a_line_and_falls_on_half_a_cosine(warmup: float, final: float):
    steps = 40
    rise = int(warmup * steps)
    step = np.arange(steps + 6)
    falling = cosine(PEAK, final * PEAK, np.minimum(1, (step - rise) / (steps - rise)))
    expected = np.where(step < rise, PEAK * (step + 1) / max(1, rise), falling)
    found = rates(WarmupCosineConfig(warmup=warmup, final=final), steps, last=steps + 5)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)


OPTIMIZERS: dict[str, Any] = {
    name: config.model_validate({"learning_rate": 0.05}) for name, config in components("optimizer").items()
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_finds_the_bottom_of_a_bowl(name: str):
    rule = OPTIMIZERS[name].build(optax.constant_schedule(0.05))

    def step(carry: Any, _: None) -> tuple[Any, None]:
        x, state = carry
        update, state = rule.update(2 * (x - 3.0), state, x)
        return (optax.apply_updates(x, update), state), None

    x = jnp.array([0.0, 10.0])
    (x, _), _ = jax.jit(lambda carry: jax.lax.scan(step, carry, length=600))((x, rule.init(x)))
    np.testing.assert_allclose(x, 3.0, atol=0.05)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_follows_its_schedule(name: str):
    rule = OPTIMIZERS[name].build(lambda step: jnp.where(step == 0, 0.0, 0.1))
    x = jnp.ones(2)
    first, state = rule.update(jnp.ones(2), rule.init(x), x)
    second, _ = rule.update(jnp.ones(2), state, x)
    np.testing.assert_array_equal(first, 0)
    assert (np.asarray(second) < 0).all()


def test_adam_takes_the_textbook_step():
    config: Any = components("optimizer")["adam"].model_validate(
        {"learning_rate": 0.1, "beta1": 0.7, "beta2": 0.88, "eps": 1e-8}
    )
    rule = config.build(optax.constant_schedule(config.learning_rate))
    x, state = jnp.zeros(1), rule.init(jnp.zeros(1))
    mean = square = 0.0
    for count, gradient in enumerate((0.3, -1.2, 0.5), start=1):
        update, state = rule.update(jnp.array([gradient]), state, x)
        mean, square = 0.7 * mean + 0.3 * gradient, 0.88 * square + 0.12 * gradient**2
        expected = -0.1 * (mean / (1 - 0.7**count)) / (np.sqrt(square / (1 - 0.88**count)) + 1e-8)
        assert float(update[0]) == pytest.approx(expected, rel=1e-4)


def test_adamw_also_shrinks_the_weights():
    adam, adamw = (OPTIMIZERS[name].build(optax.constant_schedule(0.1)) for name in ("adam", "adamw"))
    x, gradient = jnp.array([5.0]), jnp.array([1.0])
    plain = adam.update(gradient, adam.init(x), x)[0]
    assert float((adamw.update(gradient, adamw.init(x), x)[0] - plain)[0]) == pytest.approx(-0.1 * 1e-4 * 5, rel=1e-2)


@pytest.mark.parametrize(
    "table", [{"learning_rate": 0.0}, {"learning_rate": -1.0}, {"learning_rate": 0.1, "beta1": 1.0}, {}]
)
def test_impossible_rates_are_refused(table: dict[str, float]):
    with pytest.raises(ValidationError):
        components("optimizer")["adam"].model_validate(table)


@given(decay=st.floats(0.5, 0.9999), steps=st.integers(1, 30))
def test_the_average_is_its_formula(decay: float, steps: int):
    """d * average + (1 - d) * weights, d = min(decay, (1 + step) / (10 + step))."""
    weights = np.random.default_rng(0).normal(size=(steps, 3)).astype(np.float32)
    average, expected = {"w": jnp.zeros(3)}, np.zeros(3)
    for step in range(steps):
        average = moved_average(average, {"w": jnp.asarray(weights[step])}, decay, jnp.asarray(step))
        rate = min(decay, (1 + step) / (10 + step))
        expected = rate * expected + (1 - rate) * weights[step]
    np.testing.assert_allclose(average["w"], expected, rtol=1e-3, atol=1e-5)


def test_the_average_of_what_does_not_move_is_itself():
    weights = {"w": jnp.array([0.1, -7.0]), "none": None}
    for step in (0, 10, 10_000):
        moved = moved_average(weights, weights, 0.999, jnp.asarray(step))
        np.testing.assert_array_equal(moved["w"], weights["w"])
        assert moved["none"] is None


class Net(eqx.Module):
    """Something of everything that a precision has to tell apart."""

    linear: Linear
    norm: LayerNorm
    buffer: Buffer
    table: jax.Array
    indices: jax.Array
    name: str = "net"


def net() -> Net:
    return Net(Linear(3, 2, key=jax.random.key(0)), LayerNorm(2), Buffer(jnp.ones(2)), jnp.ones((2, 2)), jnp.arange(3))


def test_half_a_cosine_ends_at_zero():
    found = rates(HalfCosineConfig(), 100)
    np.testing.assert_allclose(found[[0, 9, 10, 55, 100]], [PEAK / 10, PEAK, PEAK, PEAK / 2, 0.0], rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(found[10:], cosine(PEAK, 0.0, np.arange(91) / 90), rtol=1e-3, atol=1e-9)


def test_the_published_diffusion_schedule_swings_and_ends_at_55_percent():
    """Schemes 8, trap 4: peaks at steps 2,560 and 48,631, zeros at 25,595 and 71,667, of 83,900 steps."""
    marker = published(HalfCosineConfig.model_fields["span"])
    assert marker is not None
    schedule = HalfCosineConfig(span=marker.value).build(PEAK, 83_900)
    found = np.array([float(schedule(step)) for step in (2_560, 48_631, 25_595, 71_667, 83_900)]) / PEAK
    np.testing.assert_allclose(found, [1.0, 1.0, 0.0, 0.0, 0.55], atol=0.005)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_a_precision_leaves_norms_buffers_and_integers_alone(dtype: str):
    lowered = cast(net(), jnp.dtype(dtype))
    assert lowered.linear.weight.dtype == dtype
    assert lowered.linear.bias is not None
    assert lowered.linear.bias.dtype == dtype
    assert lowered.table.dtype == dtype
    for kept in (lowered.norm.scale, lowered.norm.bias, lowered.buffer.value):
        assert kept is not None
        assert kept.dtype == jnp.float32
    assert lowered.indices.dtype == jnp.int32
    assert lowered.name == "net"


def test_a_gradient_through_a_precision_is_float32():
    def loss(model: Net) -> jax.Array:
        return jnp.sum(cast(model, jnp.dtype("bfloat16")).linear(jnp.ones((1, 3))).astype(jnp.float32))

    gradient = eqx.filter_grad(loss)(net())
    assert gradient.linear.weight.dtype == jnp.float32
    np.testing.assert_array_equal(gradient.linear.weight, 1)


def test_the_compute_dtype_is_the_one_asked_for_or_that_of_the_device(monkeypatch: pytest.MonkeyPatch):
    assert compute_dtype("float32") == jnp.float32
    assert compute_dtype("bfloat16") == jnp.bfloat16
    for backend, expected in (("cpu", jnp.float32), ("gpu", jnp.bfloat16), ("tpu", jnp.bfloat16)):
        monkeypatch.setattr(jax, "default_backend", lambda backend=backend: backend)
        assert compute_dtype("auto") == expected
