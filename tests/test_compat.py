"""`compat = "published"`: the published code's values wherever a recipe does not say otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, create_model

from zoo.catalogue import Config, OneOf, Published, components, kinds, published
from zoo.cli.main import main
from zoo.errors import RecipeError
from zoo.recipe.compat import as_published
from zoo.recipe.describe import TABLES, describe
from zoo.recipe.load import load_recipe, with_values
from zoo.recipe.places import Table
from zoo.recipe.resolved import digest, plain, resolved_toml
from zoo.recipe.schema import Recipe

CONFIGS = [*(config for kind in kinds() for config in components(kind).values()), *TABLES.values()]
MARKED = [(config, key) for config in CONFIGS for key, field in config.model_fields.items() if published(field)]

FLOW: dict[str, Any] = {"name": "flow_matching", "network": "unet"}
RECIPE: dict[str, Any] = {
    "detector": "zp",
    "compat": "published",
    "model": {"scheme": FLOW},
    "train": {"epochs": 2, "optimizer": {"name": "adam", "learning_rate": 1e-3}},
}


def resolved(**changes: Any) -> dict[str, Any]:
    return plain(Recipe.model_validate({**RECIPE, **changes}))


def every_published_value(config: type[Config]) -> dict[str, Any]:
    return {key: published(field).value for key, field in config.model_fields.items() if published(field)}


@pytest.mark.parametrize(("config", "key"), MARKED, ids=lambda part: getattr(part, "__name__", part))
def test_a_published_value_is_another_than_the_default_and_fits(config: type[Config], key: str):
    field = config.model_fields[key]
    value = published(field).value
    assert value != field.get_default(call_default_factory=True, validated_data={})
    one = create_model("One", __base__=Config, **{key: (field.annotation, field)})
    assert json.loads(json.dumps(value)) == value
    assert getattr(one.model_validate({key: value}), key) is not None


def test_what_is_known_to_differ_is_marked():
    assert {(config.__name__, key) for config, key in MARKED} >= {
        ("UNetConfig", "drop_token"),
        ("UniformConfig", "maximum"),
        ("TrainConfig", "schedule_examples"),
    }


def test_clean_is_the_default():
    table = resolved(compat="clean")
    assert table == resolved() | {"compat": "clean", "model": table["model"], "train": table["train"]}
    assert table["model"]["scheme"]["network"]["drop_token"] == "last"
    assert table["model"]["scheme"]["time"]["maximum"] == 1.0
    assert "schedule_examples" not in table["train"]
    unsaid = {key: value for key, value in RECIPE.items() if key != "compat"}
    assert plain(Recipe.model_validate(unsaid)) == table


def test_published_values_reach_named_and_default_components_and_tables():
    table = resolved()
    assert table["compat"] == "published"
    assert table["model"]["scheme"]["network"]["drop_token"] == "first"
    assert table["model"]["scheme"]["time"] == {"name": "uniform", "maximum": 0.99}
    assert table["train"]["schedule_examples"] == 214_746


def test_what_the_recipe_sets_stays():
    scheme = FLOW | {"network": {"name": "unet", "drop_token": "last"}, "time": {"maximum": 0.5}}
    table = resolved(model={"scheme": scheme}, train=RECIPE["train"] | {"schedule_examples": 100})
    assert table["model"]["scheme"]["network"]["drop_token"] == "last"
    assert table["model"]["scheme"]["time"]["maximum"] == 0.5
    assert table["train"]["schedule_examples"] == 100


def test_every_stage_and_inner_scheme_is_reached():
    train = RECIPE["train"]
    stages = {
        "sums": {"model": {"target": "channels", "scheme": FLOW | {"network": "mlp"}}, "train": train},
        "shape": {"model": {"scheme": {"name": "factorised", "sums": "sums", "shape": FLOW}}, "train": train},
    }
    table = plain(Recipe.model_validate({"detector": "zn", "compat": "published", "stages": stages}))["stages"]
    assert table["sums"]["model"]["scheme"]["time"]["maximum"] == 0.99
    assert table["shape"]["model"]["scheme"]["shape"]["network"]["drop_token"] == "first"
    assert [stage["train"]["schedule_examples"] for stage in table.values()] == [214_746] * 2


def test_other_components_keep_their_defaults():
    table = resolved(model={"scheme": FLOW | {"network": "mlp", "time": "logit_normal"}})
    clean = resolved(model={"scheme": FLOW | {"network": "mlp", "time": "logit_normal"}}, compat="clean")
    assert table["model"] == clean["model"]


class Part(Config):
    """A component in a list."""

    mode: Annotated[Literal["clean", "odd"], Published("odd")] = "clean"
    """Which."""


class Inner(Config):
    """A table that is there by default."""

    size: Annotated[int, Field(ge=1), Published(7)] | None = None
    """A number that may be absent."""
    parts: tuple[Part, ...] = (Part(),)
    """A list with a default."""


class Outer(Config):
    """Tables, lists and named items."""

    inner: Inner = Inner()
    """By default."""
    parts: tuple[Part, ...] = ()
    """None by default."""
    players: Mapping[str, Inner] = {}
    """By name."""
    plain: int = 3
    """Without a published value."""


def test_lists_named_items_and_tables_that_are_there_by_default():
    found = as_published(Table(Outer), {"parts": [{}, {"mode": "clean"}], "players": {"one": {"size": 2}}})
    assert found == {
        "inner": {"size": 7, "parts": [{"mode": "odd"}]},
        "parts": [{"mode": "odd"}, {"mode": "clean"}],
        "players": {"one": {"size": 2, "parts": [{"mode": "odd"}]}},
    }
    assert as_published(Table(Outer), found) == found


@pytest.mark.parametrize("table", [{"inner": 3}, {"parts": "x"}, {"players": [1]}, {"nothing": {}}, {"parts": [3]}])
def test_what_does_not_fit_is_left_for_the_schema_to_refuse(table: dict[str, Any]):
    assert as_published(Table(Outer), table) == {"inner": {"size": 7, "parts": [{"mode": "odd"}]}} | table


def test_a_name_stays_a_name_where_nothing_is_filled_in():
    holder = create_model("Holder", __base__=Config, solver=(Annotated[Config, OneOf("sampler")], ...))
    assert as_published(Table(holder), {"solver": "euler"}) == {"solver": "euler"}


def test_a_resolved_recipe_says_everything(tmp_path: Path):
    recipe = Recipe.model_validate(RECIPE)
    (tmp_path / "again.toml").write_text(resolved_toml(recipe), encoding="utf-8")
    assert load_recipe(tmp_path / "again.toml").recipe == recipe
    spelled_out = plain(recipe) | {"compat": "clean"}
    assert digest(Recipe.model_validate(spelled_out)) == digest(recipe)
    assert digest(Recipe.model_validate(RECIPE | {"compat": "clean"})) != digest(recipe)


def test_a_changed_copy_stays_published():
    changed = with_values(Recipe.model_validate(RECIPE), {"train.epochs": 3, "model.scheme.time": "uniform"})
    assert plain(changed)["model"]["scheme"]["time"]["maximum"] == 0.99


def test_shipped_recipes_can_be_switched():
    one = load_recipe("zp_fm", ["compat=published"]).recipe.stages["main"]
    assert (one.train.schedule_examples, one.model.scheme.network.drop_token) == (214_746, "first")


@pytest.mark.parametrize(
    ("compat", "says"),
    [
        ("publish", "must be clean or published; did you mean published?"),
        ("true", "must be clean or published"),
    ],
)
def test_a_wrong_switch_is_one_line(compat: str, says: str):
    with pytest.raises(RecipeError) as caught:
        load_recipe("zp_fm", [f"compat={compat}"])
    assert list(caught.value.problems) == [f"--set compat={compat}: {says}"]


def test_problems_are_found_as_ever():
    with pytest.raises(RecipeError) as caught:
        load_recipe("zp_fm", ["compat=published", "model.scheme.network.drop_tokens=first", "train.epochs=-1"])
    assert [problem.partition(": ")[0] for problem in caught.value.problems] == [
        "--set model.scheme.network.drop_tokens=first",
        "--set train.epochs=-1",
    ]
    assert "did you mean model.scheme.network.drop_token?" in caught.value.problems[0]


@pytest.mark.parametrize(
    ("name", "key", "says"),
    [
        ("unet", "drop_token", 'default "last"; published code: "first"'),
        ("uniform", "maximum", "default 1.0; published code: 0.99"),
        ("train", "schedule_examples", "absent; published code: 214746"),
    ],
)
def test_describe_shows_both(name: str, key: str, says: str, capsys: pytest.CaptureFixture[str]):
    assert main(["describe", name]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert says in words[words.index(f" {key}: ") :]
    rows = {row.key: row for each in describe(name) for row in each.keys}
    assert rows[key].published
    assert sum(row.published is None for row in rows.values()) >= len(rows) - 1
