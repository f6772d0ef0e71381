"""A stage that an earlier run trained is taken over, and everything else is trained."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from processes import RECIPES, weights

from zoo.recipe.load import load_recipe, with_values
from zoo.recipe.stage_digest import stage_digest
from zoo.runner.observer import Silent
from zoo.runner.reuse import RECORD, Reuse
from zoo.runner.run import RunOptions, run
from zoo.runner.run_directory import RunDirectory
from zoo.runner.signals import Interrupted

LATENT = RECIPES / "tiny_latent.toml"
EVENTS = "0" * 64
RECIPE = load_recipe(LATENT).recipe


def changed(**values: Any) -> Any:
    return with_values(RECIPE, {key.replace("__", "."): value for key, value in values.items()})


def same(stage: str, values: Mapping[str, Any], base: Any = RECIPE) -> bool:
    return stage_digest(base, stage, EVENTS) == stage_digest(with_values(base, values), stage, EVENTS)


@pytest.mark.parametrize(
    ("values", "vae", "latent"),
    [
        ({"stages.latent.model.scheme.sampler": {"name": "heun", "steps": 3}}, True, True),
        ({"stages.latent.train.epochs": 4}, True, False),
        ({"stages.latent.train.time_share": 4, "stages.vae.train.checkpoint_seconds": 1}, True, True),
        ({"stages.vae.train.optimizer.learning_rate": 2e-3}, False, False),
        ({"stages.vae.model.scheme.latent": 3}, False, False),
        ({"evaluate.repeats": 4, "published": {"source": "nobody"}}, True, True),
        ({"seed": 4}, False, False),
        ({"detector": "zp"}, False, False),
        ({"data.split": "by-particle"}, False, False),
    ],
)
def test_what_decides_the_weights_of_a_stage(values: dict[str, Any], vae: bool, latent: bool):
    assert (same("vae", values), same("latent", values)) == (vae, latent)


def test_the_sampler_counts_where_it_has_a_say():
    """The best checkpoint is chosen by what is generated; and a later stage may be fitted on that."""
    steps = {"stages.latent.model.scheme.sampler": {"name": "euler", "steps": 3}}
    assert not same("latent", steps, changed(stages__latent__train__keep="best"))
    tiny = load_recipe(RECIPES / "tiny.toml").recipe
    tiny = with_values(tiny, {"stages.sums.train.keep": "last", "stages.shape.train.keep": "last"})
    first, second = "stages.sums.model.scheme.sampler.steps", "stages.shape.model.scheme.shape.sampler.steps"
    assert same("sums", {first: 2}, tiny)
    assert not same("shape", {first: 2}, tiny)
    assert same("shape", {second: 2, "stages.shape.model.scheme.whole": False}, tiny)


def test_other_events_are_another_training():
    assert stage_digest(RECIPE, "vae", EVENTS) != stage_digest(RECIPE, "vae", "1" * 64)


# Under a time limit the epochs are not known before time is taken.


@pytest.fixture
def limited(tmp_path: Path) -> Path:
    """A folder with one run, of 100 s, that had time for three and two epochs."""
    directory = RunDirectory(tmp_path / "tiny_latent" / "001")
    fitted = changed(stages__vae__train__epochs=3.5, stages__latent__train__epochs=2)
    reuse = Reuse(tmp_path, directory, EVENTS)
    directory.create(fitted, {"requested_stages": reuse.requests(RECIPE, 100.0)})
    for stage in RECIPE.stages:
        (directory.checkpoints / stage).mkdir(parents=True)
        reuse.remember(fitted, stage)
    return tmp_path


def asked(runs: Path, recipe: Any, seconds: float) -> tuple[dict[str, float], tuple[str, ...]]:
    taken, ready = Reuse(runs, RunDirectory(runs / "other" / "001"), EVENTS).under_limit(recipe, seconds)
    return {name: stage.train.epochs for name, stage in taken.stages.items() if stage.train}, ready


def test_a_stage_trained_for_as_long_is_taken_with_its_epochs(limited: Path):
    assert asked(limited, RECIPE, 100.0) == ({"vae": 3.5, "latent": 2}, ("vae", "latent"))
    other = changed(stages__latent__train__batch_size=8)
    assert asked(limited, other, 100.0) == ({"vae": 3.5, "latent": 3}, ("vae",))


def test_a_stage_that_would_be_given_longer_is_trained_again(limited: Path):
    assert asked(limited, RECIPE, 101.0) == ({"vae": 1, "latent": 3}, ())
    shorter = changed(stages__latent__train__batch_size=8, stages__latent__train__time_share=3.0)
    assert asked(limited, shorter, 200.0)[1] == ("vae",)


def test_a_run_does_not_find_itself(limited: Path):
    own = Reuse(limited, RunDirectory(limited / "tiny_latent" / "001"), EVENTS)
    assert own.under_limit(RECIPE, 100.0)[1] == ()


# Whole runs.


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return run(load_recipe(LATENT), RunOptions(runs=tmp_path_factory.mktemp("runs")), Silent())


class Told(Silent):
    def __init__(self, stop: tuple[str, int] | None = None) -> None:
        self.messages: list[str] = []
        self.tasks: list[str] = []
        self.stop = stop

    def message(self, text: str) -> None:
        self.messages.append(text)

    def begin(self, task: str, total: int, done: int = 0) -> None:
        self.tasks.append(task)

    def advance(self, done: int, numbers: Mapping[str, float]) -> None:
        if self.stop == (self.tasks[-1], done):
            os.kill(os.getpid(), signal.SIGINT)


def stages(directory: RunDirectory) -> dict[str, Any]:
    return {name: about["taken_from"] for name, about in directory.result()["stages"].items()}


def test_what_differs_only_in_its_sampler_is_not_trained_again(trained: RunDirectory, tmp_path: Path):
    runs = trained.path.parents[1]
    steps = ["stages.latent.model.scheme.sampler.steps=3"]
    told = Told()
    again = run(load_recipe(LATENT, steps), RunOptions(runs=runs), told)
    assert again.path != trained.path
    assert stages(trained) == {"vae": None, "latent": None}
    assert stages(again) == dict.fromkeys(("vae", "latent"), trained.path.as_posix())
    assert not [task for task in told.tasks if task.startswith("train")]
    assert sum("taken over from" in message for message in told.messages) == 2
    for stage in ("vae", "latent"):
        assert weights(again.path, stage) == weights(trained.path, stage)
    before, after = (json.loads(each.result_file.read_text()) for each in (trained, again))
    assert before["metrics"] != after["metrics"]
    lines = [[line for line in each.journal.lines() if line["event"] == "train"] for each in (trained, again)]
    assert lines[0] == lines[1] != []


def test_stopped_in_its_second_stage_and_continued_gives_the_same_bits(trained: RunDirectory, tmp_path: Path):
    """The first stage is taken over; the second is trained as if the first had been trained here."""
    shutil.copytree(trained.path, tmp_path / "earlier" / "001")
    shutil.rmtree(tmp_path / "earlier" / "001" / "checkpoints" / "latent")
    loaded, options = load_recipe(LATENT), RunOptions(runs=tmp_path)
    with pytest.raises(Interrupted):
        run(loaded, options, Told(stop=("train latent", 4)))
    told = Told()
    done = run(loaded, options, told)
    assert done.path == tmp_path / "tiny_latent" / "001"
    assert any("continuing" in message for message in told.messages)
    assert stages(done) == {"vae": (tmp_path / "earlier" / "001").as_posix(), "latent": None}
    for stage in ("vae", "latent"):
        assert weights(done.path, stage) == weights(trained.path, stage)
    assert done.result()["metrics"] == trained.result()["metrics"]


def test_new_takes_nothing_over(trained: RunDirectory):
    runs = trained.path.parents[1]
    with pytest.raises(Interrupted):
        run(load_recipe(LATENT), RunOptions(runs=runs, run_id="fresh", new=True), Told(stop=("train vae", 1)))
    fresh = RunDirectory(runs / "tiny_latent" / "fresh")
    assert fresh.new
    assert not (fresh.checkpoints / "vae" / RECORD).exists()
