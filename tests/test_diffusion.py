"""Diffusion against its formulae: noising, the loss, DDIM and the probability-flow ODE, with known networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from zoo.architectures.time_network import TimeNetwork
from zoo.catalogue import components
from zoo.cli.main import main
from zoo.data.condition import Condition
from zoo.data.readout import Readout
from zoo.data.target import ResponseConfig
from zoo.detectors.detector import Detector
from zoo.errors import ComponentError
from zoo.recipe.stage_digest import stage_digest
from zoo.recipe.sweep import LoadedSweep, load_experiment
from zoo.schemes.diffusion import Diffusion, DiffusionConfig, mixed
from zoo.schemes.noise_levels import NoiseLevels
from zoo.schemes.noise_schedules.linear import LinearConfig
from zoo.schemes.noise_schedules.squared_cosine import SquaredCosineConfig
from zoo.schemes.samplers.ddim import DDIMConfig
from zoo.schemes.samplers.denoising import Denoising
from zoo.schemes.scheme import Batch, Setting
from zoo.schemes.terms.term import Terms

KEY = jax.random.key(3)
BATCH, SHAPE = 6, (4, 3)
SCHEDULES: dict[str, Any] = {name: config() for name, config in components("noise_schedule").items()}
SAMPLERS: list[dict[str, Any]] = [
    {"name": "ddim", "steps": 40, "eta": 0.0},
    {"name": "ddim", "steps": 250, "eta": 1.0},
    {"name": "heun", "steps": 20},
    {"name": "adaptive"},
]


class Known(TimeNetwork):
    """A network that is `weight` times a function of its inputs."""

    weight: jax.Array
    function: Callable[..., Any] = eqx.field(static=True)

    def __call__(self, x: Any, time: Any, features: Any, *, key: Any = None) -> Any:
        return self.weight * self.function(x, time, features)[..., None]


def scheme(zn: Detector, function: Callable[..., Any], shape: tuple[int, ...] = SHAPE, **table: Any) -> Diffusion:
    """A diffusion whose network is a known function, in a model space of photons where nothing else is said."""
    target = ResponseConfig.model_validate({"transforms": table.pop("transforms", [])})
    config = DiffusionConfig.model_validate({"network": "mlp", **table})
    return Diffusion(Known(jnp.ones(()), function), Terms((), ()), target.build(zn, {}), config, shape)


def condition(number: int = BATCH, size: int = 2) -> Condition:
    features = jnp.asarray(np.random.default_rng(1).normal(size=(number, size)), jnp.float32)
    return Condition(features, features, None)


def batch(x: np.ndarray) -> Batch:
    x = jnp.asarray(x, jnp.float32)
    return Batch(x, x, x, condition(len(x)))


def data(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(2.0, 1.0, shape or (BATCH, *SHAPE))


def remaining(schedule: Any, levels: int = 1000) -> np.ndarray:
    """abar."""
    return np.cumprod(1.0 - schedule.betas(levels))


def test_the_linear_schedule_is_the_published_one():
    np.testing.assert_allclose(LinearConfig().betas(1000), 1e-4 + np.arange(1000) * (0.02 - 1e-4) / 999)


def test_the_squared_cosine_schedule_is_capped_at_its_end_alone():
    betas = SquaredCosineConfig().betas(1000)
    place = np.arange(1, 1000) / 1000
    expected = np.cos((place + 0.008) / 1.008 * np.pi / 2) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(remaining(SquaredCosineConfig())[:-1], expected, rtol=1e-8)
    assert betas[-1] == 0.999
    assert betas[:-1].max() < 0.999


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("number", [10, 1000])
def test_every_schedule_adds_noise_at_every_level(name: str, number: int):
    levels = NoiseLevels.adding(SCHEDULES[name].betas(number))
    assert len(levels) == number
    np.testing.assert_allclose(levels.signal**2 + levels.noise**2, 1.0)
    assert (np.diff(levels.noise) > 0).all()
    assert (np.diff(levels.signal) < 0).all()
    assert levels.noise[0] > 0
    assert levels.noise[-1] <= 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_level_is_found_by_its_number_and_by_its_angle(name: str):
    levels = NoiseLevels.adding(SCHEDULES[name].betas(1000))
    numbers = np.array([0, 1, 250, 500, 900, 999])
    by_number = levels.at(jnp.asarray(numbers))
    np.testing.assert_allclose(by_number.time, numbers / 1000, rtol=1e-6)
    by_angle = jax.vmap(levels.at_angle)(jnp.asarray(levels.angles[numbers], jnp.float32))
    for one, other in zip(by_number, by_angle, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.parametrize("name", SCHEDULES)
def test_noising_is_the_closed_form_of_adding_noise_step_by_step(name: str):
    """q(x_t | x_0) of the Markov chain x_t = sqrt(1 - beta) x + sqrt(beta) eps: its mean and variance, iterated."""
    betas = SCHEDULES[name].betas(50)
    mean, variance = 1.0, 0.0
    x, noise = data(50, 3), np.random.default_rng(1).normal(size=(50, 3))
    levels = NoiseLevels.adding(betas).at(jnp.arange(50))
    state, velocity = mixed(jnp.asarray(x, jnp.float32), jnp.asarray(noise, jnp.float32), levels)
    for step, beta in enumerate(betas):
        mean, variance = np.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        np.testing.assert_allclose(state[step], mean * x[step] + np.sqrt(variance) * noise[step], rtol=1e-4, atol=1e-5)
        expected = mean * noise[step] - np.sqrt(variance) * x[step]
        np.testing.assert_allclose(velocity[step], expected, rtol=1e-4, atol=1e-5)


def known_function(x: Any, time: Any, features: Any) -> Any:
    return 0.5 * x[..., 0] - time[:, None, None] + features.sum(axis=-1)[:, None, None]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("prediction", ["noise", "data", "velocity"])
def test_the_loss_is_the_formula(zn: Detector, schedule: str, prediction: str):
    """mean |f(x_t, t / T, c) - eps|^2 with x_t = sqrt(abar_t) x + sqrt(1 - abar_t) eps and t uniform in 0 .. T-1."""
    diffusion = scheme(zn, known_function, noise_schedule=schedule, prediction=prediction)
    x = data()
    level_key, noise_key = jax.random.split(KEY)
    steps = np.asarray(jax.random.randint(level_key, (BATCH,), 0, 1000))
    noise = np.asarray(jax.random.normal(noise_key, x.shape), np.float64)
    abar, features = remaining(SCHEDULES[schedule]), np.asarray(condition().features)
    total = 0.0
    for event, step in enumerate(steps):
        a, s = np.sqrt(abar[step]), np.sqrt(1 - abar[step])
        output = 0.5 * (a * x[event] + s * noise[event]) - step / 1000 + features[event].sum()
        wanted = {"noise": noise[event], "data": x[event], "velocity": a * noise[event] - s * x[event]}[prediction]
        total += ((output - wanted) ** 2).sum()
    outcome = eqx.filter_jit(diffusion.loss)("denoiser", batch(x), KEY)
    assert float(outcome.value) == pytest.approx(total / x.size, rel=1e-4)
    assert outcome.value.dtype == jnp.float32
    assert float(outcome.metrics["loss"]) == float(outcome.value)


def test_only_the_network_is_trained(zn: Detector):
    assert scheme(zn, known_function).players() == {"denoiser": ("network",)}


def test_the_network_is_told_whole_steps_out_of_a_thousand(zn: Detector):
    diffusion = scheme(zn, lambda x, time, features: 1000 * time[:, None, None] + 0 * x[..., 0])
    level_key, noise_key = jax.random.split(KEY)
    steps = np.asarray(jax.random.randint(level_key, (BATCH,), 0, 1000))
    noise = np.asarray(jax.random.normal(noise_key, (BATCH, *SHAPE)))
    expected = np.mean((steps[:, None, None] - noise) ** 2)
    assert float(diffusion.loss("denoiser", batch(data()), KEY).value) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("levels", "steps", "expected"),
    [
        (1000, 50, list(range(999, 0, -20))),
        (1000, 1000, list(range(999, -1, -1))),
        (1000, 1, [999]),
        (10, 4, [9, 7, 4, 1]),
    ],
)
def test_the_grid_is_the_trailing_one(levels: int, steps: int, expected: list[int]):
    assert DDIMConfig(steps=steps).grid(levels).tolist() == expected


@pytest.mark.parametrize("steps", [1, 3, 7, 11, 333, 999])
def test_any_number_of_steps_visits_different_levels_from_the_last_down(steps: int):
    grid = DDIMConfig(steps=steps).grid(1000)
    assert grid[0] == 999
    assert len(grid) == steps
    assert (np.diff(grid) < 0).all()
    assert grid[-1] >= 0


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("number", [20, 1000])
def test_with_all_levels_and_eta_1_a_step_is_the_posterior_of_ddpm(name: str, number: int):
    """q(x_{t-1} | x_t, x_0) (Ho et al. 2020, equations 6 and 7)."""
    betas = SCHEDULES[name].betas(number)
    abar = np.cumprod(1 - betas)
    before = np.append(1.0, abar[:-1])
    found = DDIMConfig(steps=number, eta=1.0).transitions(NoiseLevels.adding(betas))
    down = slice(None, None, -1)
    np.testing.assert_allclose(found.add, (np.sqrt(before) * betas / (1 - abar))[down], rtol=1e-4, atol=1e-6)
    expected = (np.sqrt(1 - betas) * (1 - before) / (1 - abar))[down]
    np.testing.assert_allclose(found.keep, expected, rtol=1e-4, atol=1e-6)
    variance = ((1 - before) / (1 - abar) * betas)[down]
    np.testing.assert_allclose(np.asarray(found.sigma) ** 2, variance, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("eta", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("steps", [5, 50])
def test_a_step_is_the_published_formula(eta: float, steps: int):
    abar = remaining(LinearConfig())
    config = DDIMConfig(steps=steps, eta=eta)
    found = config.transitions(NoiseLevels.adding(LinearConfig().betas(1000)))
    grid = config.grid(1000)
    x, x0 = 1.3, 0.4
    for k, step in enumerate(grid):
        now, before = abar[step], abar[grid[k + 1]] if k + 1 < steps else 1.0
        eps = (x - np.sqrt(now) * x0) / np.sqrt(1 - now)
        sigma = eta * np.sqrt((1 - before) / (1 - now)) * np.sqrt(1 - now / before)
        expected = np.sqrt(before) * x0 + np.sqrt(1 - before - sigma**2) * eps
        assert float(found.keep[k] * x + found.add[k] * x0) == pytest.approx(expected, rel=1e-4)
        assert float(found.sigma[k]) == pytest.approx(sigma, rel=1e-4, abs=1e-7)
        assert float(found.level.signal[k]) == pytest.approx(np.sqrt(now), rel=1e-5)
    assert float(found.keep[-1]) == pytest.approx(0, abs=1e-6)
    assert float(found.add[-1]) == pytest.approx(1, rel=1e-6)


MEAN, DEVIATION = 2.0, 0.5


def gaussian_data(x: Any, level: Any) -> Any:
    """What is known of data from N(2, 0.5^2) in a noisy state."""
    variance = (level.signal * DEVIATION) ** 2 + level.noise**2
    return MEAN + level.signal * DEVIATION**2 / variance * (x - level.signal * MEAN)


def gaussian(prediction: str, schedule: Any) -> Callable[..., Any]:
    """The exact prediction for these data, as a network gives it."""
    levels = NoiseLevels.adding(schedule.betas(1000))
    angles = jnp.asarray(levels.angles, jnp.float32)

    def function(x: Any, time: Any, features: Any) -> Any:
        number = jnp.arange(1000, dtype=jnp.float32)
        level = levels.at_angle(jnp.interp(1000 * time, number, angles)[:, None, None])
        x = x[..., 0]
        found = gaussian_data(x, level)
        noise = (x - level.signal * found) / level.noise
        return {"noise": noise, "data": found, "velocity": level.signal * noise - level.noise * found}[prediction]

    return function


def moments(sample: np.ndarray) -> tuple[float, float]:
    return float(sample.mean()), float(sample.std())


@pytest.mark.parametrize(
    ("prediction", "sampler"),
    [*(("noise", table) for table in SAMPLERS), ("data", SAMPLERS[2]), ("velocity", SAMPLERS[2])],
    ids=lambda part: part["name"] if isinstance(part, dict) else part,
)
def test_the_exact_prediction_for_a_gaussian_samples_that_gaussian(
    zn: Detector, prediction: str, sampler: dict[str, Any]
):
    diffusion = scheme(zn, gaussian(prediction, LinearConfig()), prediction=prediction, sampler=sampler)
    mean, deviation = moments(np.asarray(eqx.filter_jit(diffusion.draw)(condition(1000), KEY)))
    assert mean == pytest.approx(MEAN, abs=0.03)
    assert deviation == pytest.approx(DEVIATION, rel=0.08)


def test_the_ode_of_a_gaussian_is_solved_exactly(zn: Detector):
    """It maps noise z to mean + deviation z, up to the data left in the last level: point by point."""
    table = {"name": "adaptive", "rtol": 1e-5, "atol": 1e-5}
    config = DiffusionConfig.model_validate({"network": "mlp", "sampler": table})
    noise = jnp.linspace(-2.0, 2.0, 8)[:, None]
    solve = jax.jit(lambda z: config.sampler.denoise(Denoising(config.levels(), gaussian_data), z, KEY))
    found = np.asarray(solve(noise))
    np.testing.assert_allclose(found, MEAN + DEVIATION * np.asarray(noise), atol=0.01)
    np.testing.assert_array_equal(found, solve(noise))


def test_all_levels_with_eta_1_have_the_moments_of_ddpm():
    """Of a Gaussian, DDPM's ancestral chain can be followed in closed form: every state is a Gaussian."""
    schedule, number, config = SquaredCosineConfig(), 12, DDIMConfig(steps=12, eta=1.0)
    betas = schedule.betas(number)
    abar = np.cumprod(1 - betas)
    before = np.append(1.0, abar[:-1])
    mean, variance = 0.0, 1.0
    for t in reversed(range(number)):
        gain = np.sqrt(abar[t]) * DEVIATION**2 / (abar[t] * DEVIATION**2 + 1 - abar[t])
        add = np.sqrt(before[t]) * betas[t] / (1 - abar[t])
        keep = np.sqrt(1 - betas[t]) * (1 - before[t]) / (1 - abar[t]) + add * gain
        mean = keep * mean + add * MEAN * (1 - gain * np.sqrt(abar[t]))
        variance = keep**2 * variance + (1 - before[t]) / (1 - abar[t]) * betas[t]
    noise = jax.random.normal(KEY, (40_000, 1))
    denoising = Denoising(NoiseLevels.adding(betas), gaussian_data)
    sample = np.asarray(jax.jit(lambda z: config.denoise(denoising, z, jax.random.key(4)))(noise))
    assert sample.mean() == pytest.approx(mean, abs=0.01)
    assert sample.std() == pytest.approx(np.sqrt(variance), rel=0.015)


@pytest.mark.parametrize("eta", [0.0, 0.5])
def test_ddim_is_deterministic_given_its_noise_for_eta_0_alone(eta: float):
    config = DDIMConfig(steps=5, eta=eta)
    denoising = Denoising(NoiseLevels.adding(LinearConfig().betas(1000)), gaussian_data)
    noise = jax.random.normal(KEY, (20, 1))
    denoise = jax.jit(lambda key: config.denoise(denoising, noise, key))
    first, again, other = (np.asarray(denoise(jax.random.key(seed))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (eta == 0.0)


def test_ddim_with_eta_0_converges_to_the_ode():
    levels = NoiseLevels.adding(LinearConfig().betas(1000))
    noise = jnp.linspace(-2.0, 2.0, 8)[:, None]
    sampler: Any = components("sampler")["adaptive"](rtol=1e-5, atol=1e-5)
    exact = np.asarray(jax.jit(lambda z: sampler.denoise(Denoising(levels, gaussian_data), z, KEY))(noise))
    errors = []
    for steps in (10, 100, 1000):
        config = DDIMConfig(steps=steps, eta=0.0)
        found = jax.jit(lambda z, config=config: config.denoise(Denoising(levels, gaussian_data), z, KEY))(noise)
        errors.append(np.abs(np.asarray(found) - exact).max())
    assert errors[0] > 3 * errors[1] > 3 * errors[2]
    assert errors[2] < 5e-3


@pytest.mark.parametrize("sampler", SAMPLERS[::2], ids=lambda table: table["name"])
def test_predicted_data_are_cut_to_the_limit(zn: Detector, sampler: dict[str, Any]):
    def function(x: Any, time: Any, features: Any) -> Any:
        return 100.0 + 0 * x[..., 0]

    sample = eqx.filter_jit(scheme(zn, function, prediction="data", limit=3.0, sampler=sampler).draw)(condition(), KEY)
    np.testing.assert_allclose(sample, 3.0, atol=1e-4)


def test_samples_are_photons_and_follow_their_key(zn: Detector):
    diffusion = scheme(zn, known_function, transforms=["log1p"], sampler={"name": "ddim", "steps": 3})
    sample = eqx.filter_jit(diffusion.sample)
    first = np.asarray(sample(condition(), KEY))
    assert first.shape == (BATCH, *SHAPE)
    assert first.dtype == np.float32
    assert first.min() >= 0
    np.testing.assert_array_equal(first, sample(condition(), KEY))
    assert not np.allclose(first, sample(condition(), jax.random.key(4)))


@pytest.mark.parametrize("name", ["unet", "patch_transformer", "diffusion_unet", "mlp"])
def test_any_time_network_can_be_the_denoiser(zn: Detector, name: str):
    target = ResponseConfig().build(zn, {})
    setting = Setting(shape=zn.shape, features=2, maps=3, target=target, readout=Readout(zn))
    config = DiffusionConfig.model_validate({"network": name, "sampler": {"name": "ddim", "steps": 1}})
    diffusion = eqx.filter_eval_shape(lambda: config.build(setting, key=KEY))
    maps = jax.ShapeDtypeStruct((2, *zn.shape, 3), jnp.float32)
    features = jax.ShapeDtypeStruct((2, 2), jnp.float32)
    sample = eqx.filter_eval_shape(
        lambda diffusion, features, maps: diffusion.sample(Condition(features, features, maps), KEY),
        diffusion,
        features,
        maps,
    )
    assert sample.shape == (2, *zn.shape)


def test_levels_that_do_not_reach_noise_are_refused(zn: Detector):
    setting = Setting(shape=(5,), features=2, maps=0, target=ResponseConfig().build(zn, {}), readout=Readout(zn))
    config = DiffusionConfig.model_validate({"network": "mlp", "noise_levels": 100})
    with pytest.raises(ComponentError, match=r"^scheme 'diffusion': with 100 noise levels, noise schedule 'linear'"):
        config.build(setting, key=KEY)
    assert scheme(zn, known_function, noise_levels=100, noise_schedule="squared_cosine")


@pytest.mark.parametrize(
    "table",
    [
        {"sampler": {"name": "ddim", "eta": 1.01}},
        {"sampler": {"name": "ddim", "eta": -0.1}},
        {"sampler": {"name": "ddim", "steps": 1001}},
        {"sampler": "unet"},
        {"noise_levels": 20},
        {"limit": 0.0},
        {"prediction": "score"},
        {"noise_schedule": {"name": "linear", "last": 1.0}},
    ],
)
def test_impossible_settings_are_refused(table: dict[str, Any]):
    with pytest.raises(ValidationError):
        DiffusionConfig.model_validate({"network": "mlp", **table})


RECIPE = """
detector = "zn"
[model.scheme]
name = "diffusion"
network = "patch_transformer"
sampler = { name = "ddim", steps = 50 }
[train]
epochs = 1
optimizer = { name = "adam", learning_rate = 1e-3 }
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "steps = 50",
            "steps = 1001",
            "5: model.scheme.sampler.steps = 1001: steps must be at most 1000, the number of noise levels",
        ),
        ("steps = 50", "eta = 1.5", "5: model.scheme.sampler.eta = 1.5: must be a number from 0 to 1"),
        ("steps = 50", "eta = -0.5", "5: model.scheme.sampler.eta = -0.5: must be a number from 0 to 1"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line_with_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, says: str
):
    file = tmp_path / "wrong.toml"
    file.write_text(RECIPE.lstrip().replace(old, new))
    assert main(["check", str(file)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].endswith(f"wrong.toml:{says}")


def test_a_diffusion_sampler_cannot_solve_a_flow(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "wrong.toml"
    file.write_text(RECIPE.replace('"diffusion"', '"flow_matching"'))
    assert main(["check", str(file)]) == 2
    assert "model.scheme.sampler.name" in capsys.readouterr().err


def trainings(recipe: str) -> set[str]:
    """Digests of the different trainings that a recipe asks for."""
    found = load_experiment(recipe)
    recipes = [member.recipe for member in found.members] if isinstance(found, LoadedSweep) else [found.recipe]
    return {stage_digest(each, "main", "0" * 64) for each in recipes}


def test_recipes_that_only_sample_otherwise_share_one_training():
    sampled = ["zn_diffusion", "zn_diffusion_steps_sweep", "zn_diffusion_eta_sweep", "zn_diffusion_ode"]
    assert len(set.union(*map(trainings, sampled))) == 1
    assert len(trainings("zn_diffusion_schedule_sweep") | trainings("zn_diffusion")) == 2
    assert len(trainings("zn_fm_speed_ladder")) == 4
