"""Two players, running state and divergence, with a scheme from an installed package."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from processes import RECIPES, weights, zoo

TOY_RECIPE = RECIPES / "toy_players.toml"


def test_every_player_moves_only_its_own_networks_with_its_own_optimizer(tmp_path: Path):
    done = zoo("run", TOY_RECIPE, "--runs", tmp_path / "both", toy=True)
    assert done.returncode == 0, done.stderr
    still = zoo(
        "run",
        TOY_RECIPE,
        "--runs",
        tmp_path / "still",
        "--set",
        "train.players.discriminator.optimizer.learning_rate=1e-30",
        toy=True,
    )
    assert still.returncode == 0, still.stderr
    start = zoo(
        "run",
        TOY_RECIPE,
        "--runs",
        tmp_path / "start",
        "--set",
        "train.epochs=0.01",
        "--set",
        "train.optimizer.learning_rate=1e-30",
        "--set",
        "train.players.discriminator.optimizer.learning_rate=1e-30",
        toy=True,
    )
    assert start.returncode == 0, start.stderr
    both, frozen, initial = (
        weights(tmp_path / name / "toy_players" / "001", "main") for name in ("both", "still", "start")
    )
    generator = [name for name in both if "generator" in name]
    discriminator = [name for name in both if "discriminator" in name and "linear" in name]
    assert generator
    assert discriminator
    assert any(both[name] != initial[name] for name in generator)
    assert any(both[name] != initial[name] for name in discriminator)
    assert any(frozen[name] != initial[name] for name in generator)
    for name in discriminator:
        # A bias of zero takes even a learning rate of 1e-30 to heart.
        one, other = (np.frombuffer(values[name], np.float32) for values in (frozen, initial))
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-20)


def test_metrics_are_named_by_player_and_running_state_moves_with_every_step(tmp_path: Path):
    done = zoo("run", TOY_RECIPE, "--runs", tmp_path, toy=True)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "toy_players" / "001"
    line = json.loads((run / "metrics.jsonl").read_text().splitlines()[0])
    assert {"generator/loss", "discriminator/loss", "generator/gradient_norm", "discriminator/gradient_norm"} <= set(
        line
    )
    result = json.loads((run / "result.json").read_text())
    assert result["stages"]["main"]["parameters"] == {"generator": 65, "discriminator": 15}
    calls = next(value for name, value in weights(run, "main").items() if "calls" in name)
    assert np.frombuffer(calls, np.float32)[0] == result["stages"]["main"]["steps"]


def test_a_loss_that_is_not_a_number_ends_the_run_with_a_verdict(tmp_path: Path):
    done = zoo("run", TOY_RECIPE, "--runs", tmp_path, "--set", "model.scheme.explode_at=5", toy=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "not finite at step 6" in done.stderr
    run = tmp_path / "toy_players" / "001"
    result = json.loads((run / "result.json").read_text())
    assert result["converged"] is False
    assert result["stages"]["main"]["steps"] == 5
    assert "step 6" in result["reason"]
    assert all(b"\x00\x00\xc0\x7f" not in value for value in weights(run, "main").values())


def test_settings_for_a_player_that_does_not_exist_are_refused(tmp_path: Path):
    wrong = zoo("run", TOY_RECIPE, "--runs", tmp_path, "--set", "train.players.critic.clip=1.0", toy=True)
    assert wrong.returncode == 2
    assert "train.players.critic" in wrong.stderr
    assert "generator, discriminator" in wrong.stderr
