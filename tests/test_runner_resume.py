"""Whatever happens to a run, continuing it ends in the same bits."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from processes import RECIPES, start, weights, zoo

TINY = RECIPES / "tiny.toml"
OFTEN = ("--set", "stages.sums.train.checkpoint_seconds=0.01", "--set", "stages.shape.train.checkpoint_seconds=0.01")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("undisturbed")
    done = zoo("run", TINY, "--runs", runs, *OFTEN)
    assert done.returncode == 0, done.stderr
    return runs / "tiny" / "001"


def wait_for(condition, process, seconds: float = 300.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, "the run made no progress"
        time.sleep(0.02)


def steps_logged(run: Path) -> int:
    journal = run / "metrics.jsonl"
    return len(journal.read_text().splitlines()) if journal.exists() else 0


def test_run_directory_holds_what_the_design_promises(undisturbed: Path):
    for name in ("recipe.toml", "environment.json", "metrics.jsonl", "result.json", "log.txt"):
        assert (undisturbed / name).stat().st_size > 0
    assert {path.name for path in (undisturbed / "plots").glob("*.png")} >= {
        "examples.png",
        "channels.png",
        "learning.png",
    }
    result = json.loads((undisturbed / "result.json").read_text())
    keys = (
        "recipe",
        "detector",
        "scheme",
        "parameters",
        "converged",
        "metrics",
        "floor",
        "time_per_sample_ms",
        "device",
    )
    assert set(keys) <= set(result)
    for metric in ("wasserstein", "mae", "rmse"):
        assert {"mean", "std"} <= set(result["metrics"][metric])
    events = [json.loads(line) for line in (undisturbed / "metrics.jsonl").read_text().splitlines()]
    assert {event["event"] for event in events} == {"train", "validation"}
    assert list(dict.fromkeys(event["stage"] for event in events)) == ["sums", "shape"]


def test_killed_at_a_random_step_and_resumed_gives_the_same_bits(undisturbed: Path, tmp_path: Path):
    lines = random.SystemRandom().randint(1, steps_logged(undisturbed) - 2)
    run = tmp_path / "tiny" / "001"
    process = start("run", TINY, "--runs", tmp_path, *OFTEN)
    wait_for(lambda: steps_logged(run) >= lines, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (run / "result.json").exists()
    done = zoo("run", TINY, "--runs", tmp_path, *OFTEN)
    assert done.returncode == 0, done.stderr
    assert "continuing" in done.stderr
    for stage in ("sums", "shape"):
        assert weights(run, stage) == weights(undisturbed, stage), f"killed after {lines} lines"
    first, second = (json.loads((path / "result.json").read_text()) for path in (undisturbed, run))
    assert first["metrics"] == second["metrics"]


def test_killed_in_the_middle_of_its_prior_and_resumed_gives_the_same_bits(tmp_path: Path):
    """A prior holds two tokenisers frozen, one of them with running averages."""
    recipe, stages = RECIPES / "tiny_tokens.toml", ("responses", "particles", "prior")
    done = zoo("run", recipe, "--runs", tmp_path / "undisturbed")
    assert done.returncode == 0, done.stderr
    undisturbed, run = (tmp_path / kind / "tiny_tokens" / "001" for kind in ("undisturbed", "killed"))
    state = run / "checkpoints" / "prior" / "state"
    process = start("run", recipe, "--runs", tmp_path / "killed")
    steps = random.SystemRandom().randint(1, 20)
    wait_for(lambda: _saved(state) >= steps, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert steps <= _saved(state) < _saved(undisturbed / state.relative_to(run))
    assert not (run / "result.json").exists()
    done = zoo("run", recipe, "--runs", tmp_path / "killed")
    assert done.returncode == 0, done.stderr
    assert "continuing" in done.stderr
    for stage in stages:
        assert weights(run, stage) == weights(undisturbed, stage), f"killed after {steps} steps"
    first, second = (json.loads((path / "result.json").read_text()) for path in (undisturbed, run))
    assert first["metrics"] == second["metrics"]
    assert all(first["stages"][name]["codebook"] == second["stages"][name]["codebook"] for name in stages[:2])


def _saved(folder: Path) -> int:
    """The newest step of which a checkpoint is complete; 0 without any."""
    return max((int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit()), default=0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_signals_checkpoint_and_say_how_to_continue(undisturbed: Path, tmp_path: Path, number: signal.Signals):
    run = tmp_path / "tiny" / "001"
    process = start("run", TINY, "--runs", tmp_path)
    wait_for(lambda: steps_logged(run) >= 3, process)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert f"zoo run {TINY} --runs {tmp_path}" in err
    assert any((run / "checkpoints").glob("*/state/[0-9]*")), "no checkpoint was saved"
    if number is signal.SIGTERM:
        assert zoo("run", run).returncode == 0
        assert weights(run, "shape") == weights(undisturbed, "shape")


def test_a_finished_run_is_shown_not_repeated(undisturbed: Path):
    before = (undisturbed / "metrics.jsonl").read_text()
    again = zoo("run", TINY, "--runs", undisturbed.parents[1], *OFTEN)
    assert again.returncode == 0
    assert "Wasserstein" in again.stdout
    assert (undisturbed / "metrics.jsonl").read_text() == before


def test_a_changed_recipe_is_refused_with_the_keys_that_differ(undisturbed: Path, tmp_path: Path):
    run = tmp_path / "tiny" / "001"
    shutil.copytree(undisturbed, run)
    (run / "result.json").unlink()
    refused = zoo("run", TINY, "--runs", tmp_path, *OFTEN, "--set", "stages.sums.train.batch_size=32")
    assert refused.returncode == 2
    assert "stages.sums.train.batch_size: 64 -> 32" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_changed_data_is_refused(undisturbed: Path, tmp_path: Path):
    run = tmp_path / "tiny" / "001"
    shutil.copytree(undisturbed, run)
    (run / "result.json").unlink()
    about = json.loads((run / "environment.json").read_text())
    about["data"]["sha256"] = "0" * 64
    (run / "environment.json").write_text(json.dumps(about))
    refused = zoo("run", run)
    assert refused.returncode == 2
    assert "data changed" in refused.stderr
