"""Stages that are only fitted: checked, run, resumed, fitted to a time limit, published and loaded like any other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from processes import weights

from zoo.cli.main import main
from zoo.data.events import Events
from zoo.detectors.zdc import checkerboard_readout
from zoo.detectors.zn import ZNConfig
from zoo.errors import ComponentError, RecipeError
from zoo.recipe.load import load_recipe
from zoo.recipe.schema import Stage
from zoo.runner.trainer import StageData, Trainer
from zoo.schemes.flow_matching import FlowMatching
from zoo.schemes.model import ModelConfig
from zoo.schemes.scheme import Outcome
from zoo.shelf.constants import FILE, load_constants
from zoo.shelf.load import load
from zoo.shelf.surrogate import Surrogate

KEY = jax.random.key(0)
SHAPE = (8, 6)
SMALL = replace(ZNConfig().build(), shape=SHAPE, readout=checkerboard_readout(*SHAPE))
MLP = {"name": "mlp", "width": 4, "blocks": 1}
FLOW = {"name": "flow_matching", "sampler": {"name": "euler", "steps": 1}, "network": MLP}
VIT = {"name": "vit", "patch": 4, "width": 8, "heads": 1, "blocks": 1}
GAN = {"name": "gan", "generator": VIT, "discriminator": VIT, "hidden": [4], "token_size": 4, "terms": ["diversity"]}

RECIPE = """\
detector = "zn"
seed = 3
data = { source = "sample", limit = 120 }

[stages.flow.model]
condition = "kinematic"

[stages.flow.model.scheme]
name = "flow_matching"
sampler = { name = "euler", steps = 1 }
network = { name = "mlp", width = 4, blocks = 1 }

[stages.flow.train]
epochs = 1
batch_size = 16
optimizer = { name = "adam", learning_rate = 1e-3 }

[stages.scaled.model]
condition = "kinematic"
scheme = { name = "channel_scale", follows = "flow" }

[evaluate]
repeats = 2
bootstrap = 5
timing = false
"""


def written(folder: Path, change: Callable[[str], str] = str) -> Path:
    file = folder / "scaled.toml"
    file.write_text(change(RECIPE))
    return file


# Recipes.


def problems_of(file: Path) -> tuple[str, ...]:
    with pytest.raises(RecipeError) as refused:
        load_recipe(file)
    return refused.value.problems


def test_only_a_scheme_without_players_may_lack_its_training(tmp_path: Path):
    assert [stage.train is None for stage in load_recipe(written(tmp_path)).recipe.stages.values()] == [False, True]
    start, end = RECIPE.index("[stages.flow.train]"), RECIPE.index("[stages.scaled.model]")
    file = written(tmp_path, lambda text: text[:start] + text[end:])
    [problem] = problems_of(file)
    assert problem == f"{file}:5: stages.flow.train: missing; must be a table"


def test_a_stage_to_follow_has_to_be_named_and_to_come_before(tmp_path: Path):
    [problem] = problems_of(written(tmp_path, lambda text: text.replace(', follows = "flow"', "")))
    assert problem.endswith("stages.scaled.model.scheme.follows: missing; must be the name of an earlier stage")
    [problem] = problems_of(written(tmp_path, lambda text: text.replace('follows = "flow"', 'follows = "flaw"')))
    assert problem.endswith('= "flaw": no such stage; earlier stages: flow; did you mean flow?')
    alone = tmp_path / "alone.toml"
    alone.write_text('detector = "zn"\n[model]\nscheme = { name = "channel_scale", follows = "gan" }\n')
    [problem] = problems_of(alone)
    assert problem.endswith('= "gan": no such stage; there is no stage before main')


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("stages.gan.model.scheme.latent=0", "must be a whole number from 1 to"),
        ("stages.gan.model.scheme.objective=hinged", "no such objective; must be"),
        ("stages.gan.model.scheme.pairing=permuted", "must be matched or as_published"),
        ('stages.gan.model.scheme.terms=["sdi"]', "no such term; must be"),
        ('stages.gan.model.scheme.regularisers=["diversity"]', "a term, not a regulariser: gradient_penalty"),
        ("stages.scaled.model.scheme.follows=gun", "no such stage; earlier stages: gan; did you mean gan?"),
    ],
)
def test_a_wrong_variant_is_one_clear_line(override: str, says: str, capsys: pytest.CaptureFixture[str]):
    assert main(["check", "zn_gan_pp", "--set", override]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"zoo: --set {override}: ")
    assert says in line


def test_what_cannot_be_followed_is_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = written(tmp_path, lambda text: text.replace('condition = "kinematic"\n\n', 'target = "channels"\n\n'))
    assert main(["run", str(file), "--runs", str(tmp_path / "runs")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(
        "stage scaled: scheme 'channel_scale' follows a stage that generates responses; stage 'flow' does not"
    )
    assert not list(tmp_path.glob("runs/*/*/checkpoints/*/last/*"))


# Runs.


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; not to be changed."""
    folder = tmp_path_factory.mktemp("scaled")
    assert main(["run", str(written(folder)), "--runs", str(folder / "runs")]) == 0
    return folder / "runs" / "scaled" / "001"


def copied(run: Path, folder: Path) -> Path:
    copy = folder / "runs" / "scaled" / "001"
    shutil.copytree(run, copy)
    (copy / "result.json").unlink()
    return copy


def result(run: Path) -> dict[str, Any]:
    return json.loads((run / "result.json").read_text())


def test_a_run_tells_what_was_fitted(run: Path):
    stages = result(run)["stages"]
    assert stages["flow"]["steps"] > 0
    assert "fitted" not in stages["flow"]
    assert (stages["scaled"]["steps"], stages["scaled"]["examples_seen"]) == (0, 0)
    assert stages["scaled"]["parameters"] == {}
    factor = float(load_constants(run / "checkpoints" / "scaled" / FILE)["scheme/factor"])
    assert stages["scaled"]["fitted"] == {"factor": factor}
    assert 0.9 <= factor <= 1.1
    assert result(run)["converged"] is True
    assert result(run)["parameters"] == sum(stages["flow"]["parameters"].values())
    assert {json.loads(line)["stage"] for line in (run / "metrics.jsonl").read_text().splitlines()} == {"flow"}


@pytest.mark.parametrize("kept", ["constants", "nothing"])
def test_a_run_that_is_continued_ends_in_the_same_bits(kept: str, run: Path, tmp_path: Path):
    copy = copied(run, tmp_path)
    shutil.rmtree(copy / "checkpoints" / "scaled" / "last")
    if kept == "nothing":
        shutil.rmtree(copy / "checkpoints" / "scaled")
    assert main(["run", str(copy)]) == 0
    assert weights(copy, "scaled") == weights(run, "scaled")
    assert result(copy)["metrics"] == result(run)["metrics"]


def test_a_time_limit_is_spent_on_the_stages_that_are_trained(tmp_path: Path):
    file = written(tmp_path)
    assert main(["run", str(file), "--runs", str(tmp_path / "runs"), "--time-limit", "1s"]) == 0
    finished = tmp_path / "runs" / "scaled" / "001"
    stages = load_recipe(finished / "recipe.toml").recipe.stages
    assert stages["flow"].train is not None
    assert stages["flow"].train.epochs < 1
    assert stages["scaled"].train is None
    assert result(finished)["converged"] is True


def test_a_published_model_is_that_of_the_run(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["publish", str(run), "--as", "scaled", "--registry", str(tmp_path)]) == 0
    capsys.readouterr()
    of_run, of_shelf = load(run), load("scaled", tmp_path)
    assert of_run.recipe.stages["scaled"].train is None
    beam = np.array([[500.0, 0, 0, 0, 0.01, 0.0, 499.9, 0.93957, 0]])
    responses = of_run.sample(beam, seed=1, batch=4)
    np.testing.assert_array_equal(of_shelf.sample(beam, seed=1, batch=4), responses)
    scheme: Any = of_run.model.scheme
    unscaled = eqx.tree_at(lambda scheme: scheme.factor, scheme, jnp.ones(()))
    plain: Any = eqx.tree_at(lambda model: model.scheme, of_run.model, unscaled)
    alone = Surrogate("plain", of_run.recipe, plain, {})
    np.testing.assert_allclose(responses, float(scheme.factor) * alone.sample(beam, seed=1, batch=4), rtol=1e-5)


def test_a_stage_without_training_is_built_and_counted(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["check", "--build", "--json", str(written(tmp_path))]) == 0
    [report] = json.loads(capsys.readouterr().out)
    assert report["parameters"]["scaled"] == {}


# Constants of schemes.


def test_a_wrapping_scheme_passes_fitting_on(make_events: Callable[..., Events]):
    events = make_events(SMALL, 24)
    sums = ModelConfig.model_validate({"target": "channels", "scheme": FLOW})
    earlier = {"sums": sums.build(SMALL, sums.fit(SMALL, events), {}, key=KEY)}
    wrapped = ModelConfig.model_validate({"scheme": {"name": "factorised", "sums": "sums", "shape": GAN}})
    plain = ModelConfig.model_validate({"scheme": GAN})
    found, expected = wrapped.fit(SMALL, events, earlier), plain.fit(SMALL, events)
    assert {name for name in found if name.startswith("scheme/")} == {
        "scheme/terms/diversity/particles",
        "scheme/terms/diversity/diversity",
    }
    assert all(np.array_equal(found[name], expected[name]) for name in found)
    model: Any = wrapped.build(SMALL, found, earlier, key=KEY)
    assert len(model.scheme.shape.terms.terms[0].table.values) == 8
    unfitted = wrapped.unfitted(SMALL, earlier)
    assert set(unfitted) == set(found)
    wrapped.build(SMALL, unfitted, earlier, key=KEY)


def test_a_stage_cannot_be_fitted_on_what_no_stage_generates(make_events: Callable[..., Events]):
    first = ModelConfig.model_validate({"scheme": FLOW})
    earlier = {"flow": first.build(SMALL, first.unfitted(SMALL), {}, key=KEY)}
    config = ModelConfig.model_validate({"scheme": {"name": "channel_scale", "follows": "flow"}})
    with pytest.raises(ComponentError, match="there is no earlier stage 'flow' to generate with"):
        config.fit(SMALL, make_events(SMALL, 9), earlier)


def test_progress_runs_from_zero_to_one(make_events: Callable[..., Events], monkeypatch: pytest.MonkeyPatch):
    def loss(self: FlowMatching, player: str, batch: Any, key: Any) -> Outcome:
        value = jnp.sum(self.network.leave.bias)
        return Outcome(value, {"progress": batch.progress})

    monkeypatch.setattr(FlowMatching, "loss", loss)
    events = make_events(SMALL, 24)
    train = {"epochs": 2, "batch_size": 12, "optimizer": {"name": "sgd", "learning_rate": 1e-3}}
    stage = Stage.model_validate({"model": {"scheme": FLOW}, "train": train})
    trainer = Trainer("main", stage, SMALL, StageData(events, events), stage.model.fit(SMALL, events), {}, seed=0)
    state, told = trainer.start(), []
    for number in range(trainer.steps):
        state, progress = trainer.advance(state, number, 1)
        told.append(float(progress.metrics["progress"]))
    assert told == [0.0, 0.25, 0.5, 0.75]
