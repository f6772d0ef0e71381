"""Every shipped recipe runs, with its networks made small and its training short; of a sweep, its first member."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import pytest

from zoo.cli.main import main
from zoo.recipe.load import load_recipe
from zoo.recipe.resolved import plain, resolved_toml
from zoo.recipe.schema import Recipe, normalised
from zoo.recipe.sweep import LoadedSweep, load_experiment

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.toml"))

SMALL: dict[str, dict[str, Any]] = {
    "unet": {"multipliers": [1, 1, 1], "residual_blocks": 1, "heads": 1},
    "diffusion_unet": {"channels": [8, 8], "attention": [], "residual_blocks": 1, "heads": 1, "groups": 1},
    "euler": {"steps": 2},
    "ddim": {"steps": 2},
    "adaptive": {"rtol": 0.5, "atol": 0.5},
    "patch_transformer": {"width": 8, "heads": 1, "blocks": 1, "patch": 16},
    "mlp": {"width": 8, "blocks": 1},
    "dense": {"width": 8, "blocks": 1},
    "decision_tree": {"depth": [2], "split": [2], "leaf": [1, 2]},
    "gradient_boosting": {"trees": [2, 3], "depth": [2], "rate": [0.5]},
    "nearest_neighbours": {"neighbours": [1, 2]},
    "support_vectors": {"cost": [1.0], "gamma": ["scale", "auto"]},
    "vit": {"width": 8, "heads": 1, "blocks": 1, "patch": 16},
    "mlp_mixer": {"width": 8, "blocks": 1, "patch": 16},
    "cnn": {"channels": [4, 4], "blocks": 1},
    "compact_cnn": {"channels": 2, "multipliers": [1, 1, 1], "residual_blocks": 1, "heads": 1},
    "patch_critic": {"channels": [2, 2]},
    "token_transformer": {"width": 8, "heads": 1, "blocks": 1},
    "token_gpt": {"width": 8, "heads": 1, "blocks": 1},
    "autoregressive_flow": {"blocks": 1, "hidden": 4, "layers": 1, "bins": 2},
    "strided_cnn": {"width": 4, "smallest": 27, "residual_blocks": [0], "refine": [2]},
    "coupling_flow": {"blocks": 2, "hidden": 2, "layers": 1, "bins": 2},
    "normalizing_flow": {"temperature": 1.0},
    "perceptron": {"hidden": [8]},
    "bayesian_regression": {"width": 8, "layers": 1},
    "vq_vae": {"code_size": 8},
    "vq_particle": {"hidden": [8], "code_size": 8},
}
"""What makes a network cheap to compile; a recipe with a new architecture needs its line here."""

EVENTS = 12
"""As many for every validation as for the evaluation, so that one compiled sampler serves both."""

SHORT = {
    "epochs": 0.4,
    "batch_size": 8,
    "steps_per_dispatch": 1,
    "validate_every": 0.2,
    "validate_events": EVENTS,
}
"""A few steps; several in a dispatch would be a second program for the last ones."""


def single(file: Path, folder: Path) -> tuple[Path, Recipe]:
    """A recipe that can be run: the file's own, or the first of its sweep."""
    experiment = load_experiment(file)
    if not isinstance(experiment, LoadedSweep):
        return file, experiment.recipe
    recipe = experiment.members[0].recipe
    first = folder / file.name
    first.write_text(resolved_toml(recipe))
    return first, recipe


def trained(recipe: Recipe) -> list[str]:
    return [name for name, stage in recipe.stages.items() if stage.train]


def overrides(recipe: Recipe) -> Iterator[str]:
    yield from ("data.limit=80", f"evaluate.events={EVENTS}", "evaluate.repeats=2", "evaluate.bootstrap=5")
    yield "evaluate.timing=false"
    for stage in trained(recipe):
        yield from (f"stages.{stage}.train.{key}={json.dumps(value)}" for key, value in SHORT.items())
    for path, table in _tables(plain(recipe)):
        small = SMALL.get(table.get("name", ""), {})
        yield from (f"{'.'.join(path)}.{key}={json.dumps(value)}" for key, value in small.items())


def small(name: str) -> Recipe:
    """A shipped recipe, as small as it is run here."""
    file = Path(__file__).parents[1] / "recipes" / f"{name}.toml"
    return load_recipe(file, list(overrides(load_recipe(file).recipe))).recipe


def needs_the_extra(recipe: Recipe) -> bool:
    return any(name in json.dumps(plain(recipe)) for name in ("vgg_critic", "lpips"))


def _is_loss(name: str) -> bool:
    return name.split("/")[-1] == "loss"


def _tables(
    table: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    yield path, table
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _tables(value, (*path, key))


@pytest.fixture(autouse=True)
def programs_are_dropped() -> Iterator[None]:
    """A run compiles hundreds of programs, none of which another run needs; see conftest.py."""
    yield
    jax.clear_caches()


DRAWN = {"focal_ds2_approx", "zn_aux_regressor", "zn_channels_tree", "zn_fm", "zn_latent_fm", "zn_vq_gan", "zp_gan"}
"""Recipes whose pictures are drawn: one of every kind of result; four hundred pictures take a while."""


@pytest.fixture(autouse=True)
def pictures_are_few_and_coarse(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.report.style.DPI", 40)
    file = getattr(request.node, "callspec", None) and request.node.callspec.params["file"]
    if file and file.stem not in DRAWN:
        monkeypatch.setattr("zoo.report.plots.draw_run", lambda *_: None)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of runs for all recipes, in every process of the tests: a stage that two share is trained once."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "recipe_runs"


def built(file: Path) -> str:
    """What a recipe builds, as small as it is here and whatever its kernels start with and its losses weigh."""
    experiment = load_experiment(file)
    recipe = experiment.members[0].recipe if isinstance(experiment, LoadedSweep) else experiment.recipe
    table = normalised(plain(recipe))
    for stage in table["stages"].values():
        trained = stage.pop("train", {})
        stage["players"] = sorted(trained.get("players", {}))
    for _, part in _tables(table):
        part.update(SMALL.get(part.get("name", ""), {}))
        for key in ("kernels", "norm_eps", "kl_weight", "warmup", "weight"):
            part.pop(key, None)
    data, metrics = table["data"]["source"], table["evaluate"].get("metrics")
    return json.dumps(table | {"data": data, "evaluate": metrics, "seed": None, "published": None}, sort_keys=True)


def apart(files: Iterable[Path]) -> list[Path]:
    """One of those that are alike but for training and sample: the one that is drawn, or the first by name."""
    files = sorted(files, key=lambda file: (file.stem not in DRAWN, file.stem), reverse=True)
    return list({built(file): file for file in files}.values())


@pytest.mark.parametrize("file", sorted(apart(RECIPES)), ids=lambda file: file.stem)
def test_a_shipped_recipe_runs_to_its_result(
    file: Path, tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]
):
    file, recipe = single(file, tmp_path)
    if needs_the_extra(recipe):
        pytest.skip("VGG16 is too dear here; tests/test_pretrained.py has its parts")
    arguments = [part for text in overrides(recipe) for part in ("--set", text)]
    assert main(["run", str(file), "--runs", str(runs), *arguments]) == 0
    run = runs / file.stem / "001"
    result = json.loads((run / "result.json").read_text())
    assert result["converged"] is True
    assert result["detector"] == recipe.detector.component
    found = result["errors"] or {"wasserstein": result["metrics"]["wasserstein"]["mean"]}
    found |= {name: value for stage in result["stages"].values() for name, value in stage.get("errors", {}).items()}
    assert all(math.isfinite(value) for value in found.values())
    journal = run / "metrics.jsonl"
    losses = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    assert {line["stage"] for line in losses} == set(trained(recipe))
    values = [value for line in losses if line["event"] == "train" for name, value in line.items() if _is_loss(name)]
    assert bool(values) == bool(trained(recipe))
    assert all(math.isfinite(value) for value in values)
    assert list((run / "plots").glob("*.png")) or file.stem not in DRAWN
    assert ("Errors" if result["errors"] else "Wasserstein") in capsys.readouterr().out


def test_one_recipe_runs_for_those_that_are_alike():
    found = {file.stem for file in apart(RECIPES)}
    assert found >= DRAWN | {"zn_gan_l1", "zn_gan_l2", "zp_fm"}
    assert len(found & {"focal_ds1_diffusion", "focal_ds2_diffusion"}) == 1
    assert len(found & {"focal_ds1_diffusion_pos", "focal_ds2_diffusion_pos"}) == 1


def test_what_is_drawn_is_there():
    assert {file.stem for file in RECIPES} >= DRAWN


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_the_first_comment_says_what_to_expect(file: Path):
    head = file.read_text().split("\n\n")[0] + file.read_text()
    comment = "\n".join(line for line in head.splitlines() if line.startswith("#"))
    for word in ("Reproduces:", "Command:", "Expect:"):
        assert word in comment, f"{file.name}: no {word!r} in the first comment"
