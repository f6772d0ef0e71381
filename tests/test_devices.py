"""Several devices share a batch: the same mean, the same generated bits, the same weights, and errors that say why."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from processes import RECIPES, start, weights, zoo
from test_recipes_run import small

from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.layers.placement import Placement, placed
from zoo.recipe.load import load_recipe, with_values
from zoo.recipe.resolved import resolved_toml
from zoo.recipe.schema import Recipe
from zoo.runner.trainer import StageData, Trainer
from zoo.schemes.generation import Generator

SHIPPED = Path(__file__).parents[1] / "recipes"
KEY = jax.random.key(7)


def trainer(recipe: Recipe, detector: Detector, events: Events) -> Trainer:
    (name, stage), *_ = recipe.stages.items()
    data = StageData(events[:32], events[32:])
    constants = stage.model.fit(detector, data.train)
    return Trainer(name, stage, detector, data, constants, {}, recipe.seed)


def test_the_mean_over_devices_is_that_of_the_whole_batch():
    weights, events = jnp.arange(3.0), jax.random.normal(KEY, (8, 3))

    def mean(weights: jax.Array, events: jax.Array, key: jax.Array) -> dict[str, jax.Array]:
        del key
        value, gradient = jax.value_and_grad(lambda w: jnp.mean(jnp.square(events @ w - 1.0)))(weights)
        return {"value": value, "gradient": gradient}

    one, two = Placement(1), Placement(2)
    alone = jax.jit(lambda w, e: one.mean(mean, w, e, KEY))(weights, events)
    together = jax.jit(lambda w, e: two.mean(mean, w, e, KEY))(two.everywhere(weights), two.parted(events, axis=0))
    for name, value in alone.items():
        np.testing.assert_allclose(together[name], value, rtol=1e-6)


def test_every_device_draws_noise_of_its_own():
    two = Placement(2)
    drawn = two.parted(np.zeros(8), axis=0)
    # The squared mean of two equal draws would be their mean square.
    apart = jax.jit(
        lambda e: two.mean(lambda _, e, key: (x := jax.random.normal(key), jnp.square(x)), jnp.zeros(()), e, KEY)
    )
    mean, square = apart(drawn)
    assert float(square) > float(mean) ** 2 + 1e-3


@pytest.mark.parametrize("name", ["zn_channels_mlp", "zn_fm_patch"])
def test_a_loss_that_is_shared_is_a_mean_over_events(name: str, zn: Detector, zn_events: Events):
    recipe = small(name)
    train = trainer(recipe, zn, zn_events)
    assert next(iter(recipe.stages.values())).model.scheme.separable
    model = train.model
    events = zn_events[:6]
    batch = model.batch(jnp.asarray(events.counts), jnp.asarray(events.particles, jnp.float32), KEY, 0.0)
    other = jnp.roll(batch.x, 3, axis=0)
    player = next(iter(model.scheme.players()))

    @eqx.filter_jit
    def loss(changed: jax.Array) -> jax.Array:
        mask = changed.reshape(-1, *[1] * (batch.x.ndim - 1))
        return model.scheme.loss(player, replace(batch, x=jnp.where(mask, other, batch.x)), KEY).value

    first, last = np.arange(6) < 3, np.arange(6) >= 3
    none, both = loss(jnp.zeros(6, bool)), loss(jnp.ones(6, bool))
    parts = loss(jnp.asarray(first)) + loss(jnp.asarray(last))
    assert abs(float(both - none)) > 1e-6
    assert float(parts) == pytest.approx(float(none + both), rel=1e-4)


def test_two_devices_generate_the_bits_of_one(zn: Detector, zn_events: Events):
    model = trainer(small("zn_fm_patch"), zn, zn_events).model
    alone = Generator(model, jnp.dtype("float32"), chunk=4).all(zn_events.particles[:14], KEY)
    together = Generator(model, jnp.dtype("float32"), chunk=4, devices=2).all(zn_events.particles[:14], KEY)
    np.testing.assert_array_equal(together, alone)


def test_two_devices_train_the_weights_of_one(zn: Detector, zn_events: Events):
    recipe = with_values(small("zn_channels_mlp"), {"stages.main.model.scheme.network.dropout": 0.0})
    weights = {}
    for devices in (1, 2):
        train = trainer(with_values(recipe, {"stages.main.train.devices": devices}), zn, zn_events)
        state = train.shared(train.start())
        for step in range(3):
            state, progress = train.advance(state, step, 1)
            assert bool(progress.healthy)
        weights[devices] = jax.tree.leaves(eqx.filter(placed(state.model.scheme), eqx.is_inexact_array))
    start = jax.tree.leaves(eqx.filter(train.model.scheme, eqx.is_inexact_array))
    for before, one, two in zip(start, weights[1], weights[2], strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-3, atol=1e-5)
        assert two.devices() == {jax.local_devices()[0]}
        assert one.size < 2 or not np.array_equal(before, one)


def test_a_shared_run_that_is_killed_and_continued_ends_in_the_same_bits(tmp_path: Path):
    tiny = RECIPES / "tiny.toml"
    # What is not said is found: two devices here, for a batch of 64.
    alone = load_recipe(tiny).recipe
    written = resolved_toml(with_values(alone, {"stages.sums.train.devices": None, "stages.sums.train.epochs": 3}))
    recipe = tmp_path / "shared.toml"
    recipe.write_text(written)
    often = ("--set", "stages.sums.train.checkpoint_seconds=0.01", "--set", "stages.shape.train.epochs=0.2")
    done = zoo("run", recipe, "--runs", tmp_path / "whole", *often)
    assert done.returncode == 0, done.stderr
    whole, killed = (tmp_path / runs / "shared" / "001" for runs in ("whole", "killed"))
    assert load_recipe(whole / "recipe.toml").recipe.stages["sums"].train.devices == 2
    process = start("run", recipe, "--runs", tmp_path / "killed", *often)
    state = killed / "checkpoints" / "sums" / "state"
    while process.poll() is None and not any(path.name.isdigit() for path in state.glob("*")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (killed / "result.json").exists()
    done = zoo("run", recipe, "--runs", tmp_path / "killed", *often)
    assert done.returncode == 0, done.stderr
    assert "continuing" in done.stderr
    assert weights(killed, "sums") == weights(whole, "sums")


@pytest.mark.parametrize(
    ("recipe", "options", "told"),
    [
        ("zn_fm_patch", ["train.devices=2", "train.batch_size=5"], "cannot share a batch of 5 equally"),
        ("zn_vae_vit", ["train.devices=2"], "needs the whole batch"),
    ],
)
def test_devices_that_cannot_share_are_refused(recipe: str, options: list[str], told: str, tmp_path: Path):
    settings = [part for option in (*options, "data.limit=80") for part in ("--set", option)]
    done = zoo("run", SHIPPED / f"{recipe}.toml", "--runs", tmp_path, *settings)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("environment.json"))
