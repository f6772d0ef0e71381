"""The resolved recipe, its digest, and changed copies."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zoo.errors import RecipeError
from zoo.recipe.load import load_recipe, with_values
from zoo.recipe.resolved import difference, digest, plain, resolved_toml
from zoo.recipe.schema import Recipe
from zoo.recipe.shipped import shipped_recipes
from zoo.recipe.sweep import LoadedSweep, load_experiment

ONE: dict[str, Any] = {
    "detector": "zn",
    "seed": 3,
    "data": {"path": "/events", "limit": 100},
    "model": {
        "condition": "kinematic",
        "maps": {"name": "impact_maps", "widths": [1.0, 2.5]},
        "target": {"name": "response", "transforms": ["log1p", {"name": "scale", "factor": 2.0}]},
        "scheme": {"name": "flow_matching", "network": {"name": "mlp", "width": 32}, "sampler": "heun"},
    },
    "train": {
        "epochs": 50,
        "optimizer": {"name": "adam", "learning_rate": 4.4e-4},
        "schedule": "one_cycle",
        "players": {"velocity": {"clip": 1.0}},
    },
    "published": {"source": 'quotes " and \\ and é\n', "mae": 16.99},
}

_SHAPE = {"name": "factorised", "sums": "sums", "shape": {"name": "flow_matching", "network": "mlp"}}
_TRAIN = {"epochs": 2, "optimizer": {"name": "adam", "learning_rate": 1e-3}}
TWO: dict[str, Any] = {
    "detector": "zp",
    "stages": {
        "sums": {"model": {"target": "channels", "scheme": _SHAPE["shape"]}, "train": _TRAIN},
        "shape": {"model": {"scheme": _SHAPE}, "train": _TRAIN},
        "alone": {"model": {"scheme": _SHAPE["shape"]}, "train": _TRAIN},
    },
}

BOTH = pytest.mark.parametrize("table", [ONE, TWO], ids=["one stage", "several"])


def recipe_of(table: Mapping[str, Any]) -> Recipe:
    return Recipe.model_validate(dict(table))


def again(recipe: Recipe, folder: Path) -> Recipe:
    (folder / "again.toml").write_text(resolved_toml(recipe), encoding="utf-8")
    return load_recipe(folder / "again.toml").recipe


@BOTH
def test_resolved_recipe_loads_to_an_equal_one(table: Mapping[str, Any], tmp_path: Path) -> None:
    recipe = recipe_of(table)
    assert again(recipe, tmp_path) == recipe
    assert resolved_toml(again(recipe, tmp_path)) == resolved_toml(recipe)


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_too(name: str, tmp_path: Path) -> None:
    experiment = load_experiment(name)
    if isinstance(experiment, LoadedSweep):
        (tmp_path / "again.toml").write_text(experiment.toml(), encoding="utf-8")
        other = load_experiment(tmp_path / "again.toml")
        assert isinstance(other, LoadedSweep)
        assert [(member.label, member.recipe) for member in other.members] == [
            (member.label, member.recipe) for member in experiment.members
        ]
        assert other.digest == experiment.digest
    else:
        assert again(experiment.recipe, tmp_path) == experiment.recipe
        assert digest(again(experiment.recipe, tmp_path)) == digest(experiment.recipe)


def test_resolved_recipe_writes_defaults_out() -> None:
    table = tomli.loads(resolved_toml(recipe_of(ONE)))
    assert table["detector"] == "zn"
    assert table["data"]["source"] == "npz"
    assert table["train"]["batch_size"] == 256
    assert table["train"]["optimizer"]["beta2"] == 0.999
    assert table["evaluate"]["repeats"] == 5
    assert "clip" not in table["train"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    epochs=st.floats(1e-300, 1e6, exclude_min=True),
    rate=st.floats(5e-324, 1e300),
    widths=st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=3),
    seed=st.integers(0, 2**32 - 1),
    note=st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    stage=st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True),
)
def test_any_values_survive(
    tmp_path: Path, epochs: float, rate: float, widths: list[float], seed: int, note: str, stage: str
) -> None:
    values = {
        "stages.main.train.epochs": epochs,
        "stages.main.train.optimizer.learning_rate": rate,
        "model.maps.widths": widths,
        "seed": seed,
        "published.note": note,
    }
    table = dict(plain(with_values(recipe_of(ONE), values)))
    table["stages"] = {stage: {"model": table.pop("model"), "train": table.pop("train")}}
    recipe = recipe_of(table)
    loaded = again(recipe, tmp_path)
    assert loaded == recipe
    assert digest(loaded) == digest(recipe)
    assert loaded.stages[stage].train.epochs == epochs
    assert loaded.published is not None
    assert loaded.published.note == note


def shuffled(value: Any, order: random.Random) -> Any:
    """The same values in another key order (stages aside), whole floats as integers."""
    if isinstance(value, dict):
        items = list(value.items())
        if value.keys() != TWO["stages"].keys():
            order.shuffle(items)
        return {key: shuffled(item, order) for key, item in items}
    if isinstance(value, list):
        return [shuffled(item, order) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@BOTH
@given(order=st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_digest_ignores_key_order_and_the_spelling_of_numbers(table: Mapping[str, Any], order: random.Random) -> None:
    recipe = recipe_of(table)
    other = recipe_of(shuffled(plain(recipe), order))
    assert digest(other) == digest(recipe)
    assert difference(recipe, other) == []


@BOTH
def test_digest_ignores_whether_defaults_are_written_out(table: Mapping[str, Any], tmp_path: Path) -> None:
    assert digest(again(recipe_of(table), tmp_path)) == digest(recipe_of(table))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 4),
        ("train.epochs", 50.000001),
        ("model.scheme.network.width", 33),
        ("model.scheme.sampler", "euler"),
        ("model.maps.widths", [2.5, 1.0]),
        ("data.split", "by-particle"),
        ("evaluate.timing", False),
        ("train.ema", 0.9),
        ("published.mae", 17),
    ],
)
def test_digest_and_difference_see_every_change(key: str, value: Any) -> None:
    old = recipe_of(ONE)
    new = with_values(old, {key: value})
    assert digest(new) != digest(old)
    assert [path for path, _, _ in difference(old, new) if path in (key, f"{key}.name")]
    assert difference(new, new) == []


def test_the_order_of_stages_counts() -> None:
    swapped = {**TWO, "stages": {name: TWO["stages"][name] for name in ("sums", "alone", "shape")}}
    assert digest(recipe_of(swapped)) != digest(recipe_of(TWO))
    assert difference(recipe_of(TWO), recipe_of(swapped)) == [
        ("stages", ["sums", "shape", "alone"], ["sums", "alone", "shape"])
    ]


def test_digest_is_a_sha256_of_what_was_read() -> None:
    assert re.fullmatch("[0-9a-f]{64}", digest(recipe_of(ONE)))
    assert digest(recipe_of(ONE)) != digest(recipe_of(TWO))


def test_difference_shows_old_and_new() -> None:
    old = recipe_of(ONE)
    new = with_values(old, {"train.epochs": 3, "train.ema": 0.5, "data.limit": None})
    assert sorted(difference(old, new)) == [
        ("data.limit", 100, None),
        ("train.ema", None, 0.5),
        ("train.epochs", 50.0, 3.0),
    ]


def test_difference_between_one_and_several_stages() -> None:
    assert ("stages.main.train.epochs", 50.0, None) in difference(recipe_of(ONE), recipe_of(TWO))


class TestWithValues:
    def test_the_original_stays(self) -> None:
        recipe = recipe_of(ONE)
        changed = with_values(recipe, {"stages.main.train.epochs": 3, "seed": 9})
        assert (changed.stages["main"].train.epochs, changed.seed) == (3.0, 9)
        assert recipe == recipe_of(ONE)

    def test_one_stage_of_several(self) -> None:
        changed = with_values(recipe_of(TWO), {"stages.shape.train.epochs": 7})
        assert [stage.train.epochs for stage in changed.stages.values()] == [2.0, 7.0, 2.0]
        assert list(changed.stages) == list(TWO["stages"])

    def test_none_brings_the_default_back(self) -> None:
        changed = with_values(recipe_of(ONE), {"published": None, "train.schedule": None})
        assert changed.published is None
        assert changed.stages["main"].train.schedule.component == "constant"

    def test_a_wrong_value_is_refused(self) -> None:
        with pytest.raises(RecipeError, match=r"^train\.epochs = -1: must be a number greater than 0"):
            with_values(recipe_of(ONE), {"train.epochs": -1})
