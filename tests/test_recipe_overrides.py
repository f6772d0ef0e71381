"""`--set key.path=VALUE`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.errors import RecipeError
from zoo.recipe.load import load_recipe
from zoo.recipe.overrides import parse_override
from zoo.recipe.resolved import plain

TEXT = """\
detector = "zn"
[data]
source = "sample"
limit = 100
split = "by-particle"
[model.scheme]
name = "flow_matching"
sampler = "euler"
network = { name = "mlp", width = 32 }
[train]
epochs = 3
optimizer = { name = "adam", learning_rate = 1e-3, beta1 = 0.5 }
"""

STAGES = """\
detector = "zn"
[stages.sums]
model = { target = "channels", scheme = { name = "flow_matching", network = "mlp" } }
train = { epochs = 3, optimizer = { name = "adam", learning_rate = 1e-3 } }
[stages.other]
model = { scheme = { name = "flow_matching", network = "mlp" } }
train = { epochs = 4, optimizer = { name = "adam", learning_rate = 1e-3 } }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a.toml").write_text(TEXT)
    return tmp_path / "a.toml"


def value_at(path: Path, key: str, *overrides: str) -> Any:
    value: Any = plain(load_recipe(path, overrides).recipe)
    for part in key.split("."):
        value = value[part]
    return value


def problems_of(path: Path, *overrides: str) -> tuple[str, ...]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, overrides)
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3.5e-4", -3.5e-4),
        ("true", True),
        ("unet", "unet"),
        ('"unet"', "unet"),
        ("'3'", "3"),
        ("[1, 2.5]", [1, 2.5]),
        ('{name = "adam", learning_rate = 1e-3}', {"name": "adam", "learning_rate": 1e-3}),
        ("/data/my events.npz", "/data/my events.npz"),
        ("~/x=y", "~/x=y"),
        ("10m", "10m"),
        ('""', ""),
        (" 3 ", 3),
        ("3\nseed = 4", "3\nseed = 4"),
    ],
)
def test_values_are_toml_and_bare_words_strings(text: str, value: Any) -> None:
    assert parse_override(f"a.b={text}").value == value


@given(st.from_regex(r"[A-Za-z_./-][A-Za-z0-9_./ -]*", fullmatch=True))
def test_any_bare_word_is_a_string_or_toml(word: str) -> None:
    value = parse_override(f"a={word}").value if word.strip() else word
    assert value == word.strip() or not isinstance(value, str) or not word.strip()


def test_keys_may_be_quoted_and_spaced() -> None:
    assert parse_override(' stages . "a.b" .train = 1').path == ("stages", "a.b", "train")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train.epochs", "needs the form KEY=VALUE"),
        ("", "needs the form KEY=VALUE"),
        ("=3", "no key path"),
        ("train..epochs=3", "no key path"),
        ("[train]\nepochs=3", "no key path"),
        ("train epochs=3", "no key path"),
        ("train.epochs=", "a value is missing"),
        ("train.epochs=[1, 2", "not valid TOML"),
        ('detector="zn', "not valid TOML"),
        ("data={path}", "not valid TOML"),
        ("extends=b.toml", "extends belongs into a recipe file"),
        ("a=" + "[" * 40 + "]" * 40, "nested more than"),
        ("a=" + "[" * 4000, "not valid TOML"),
        ("a" + ".a" * 40 + "=1", "nested more than"),
    ],
)
def test_malformed(text: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says) as caught:
        parse_override(text)
    assert str(caught.value).startswith("--set ")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_all_malformed_ones_at_once(file: Path) -> None:
    assert len(problems_of(file, "a", "b", "train.epochs=3")) == 2


def test_last_one_wins(file: Path) -> None:
    assert value_at(file, "train.epochs", "train.epochs=8", "train.epochs=9") == 9.0


def test_tables_on_the_way_are_made(file: Path) -> None:
    assert value_at(file, "train.players.velocity.clip", "train.players.velocity.clip=2") == 2.0
    assert value_at(file, "published.source", "published.source=table 1") == "table 1"


def test_a_list_is_replaced(file: Path) -> None:
    changed = value_at(file, "model.target.transforms", 'model.target.transforms=["log1p", {name="scale", factor=2}]')
    assert changed == [{"name": "log1p"}, {"name": "scale", "factor": 2.0}]


class TestComponents:
    @pytest.mark.parametrize("option", ["model.scheme.network=unet", "model.scheme.network.name=unet"])
    def test_another_one_starts_afresh(self, file: Path, option: str) -> None:
        network = value_at(file, "model.scheme.network", option)
        assert network["name"] == "unet"
        assert network == value_at(file, "model.scheme.network", 'model.scheme.network={name="unet"}')

    @pytest.mark.parametrize("option", ["model.scheme.network=mlp", "model.scheme.network.name=mlp"])
    def test_the_same_one_keeps_its_keys(self, file: Path, option: str) -> None:
        assert value_at(file, "model.scheme.network.width", option) == 32

    def test_it_takes_its_keys_in_any_order(self, file: Path) -> None:
        options = ["model.scheme.network.channels=3", "model.scheme.network.name=unet", "model.scheme.network.heads=1"]
        for ordered in (options, options[::-1], ["model.scheme.network=unet", options[2], options[0]]):
            network = value_at(file, "model.scheme.network", *ordered)
            assert (network["name"], network["channels"], network["heads"]) == ("unet", 3, 1)

    def test_keys_of_the_whole_kind_stay(self, file: Path) -> None:
        assert value_at(file, "train.optimizer.learning_rate", "train.optimizer=sgd") == 1e-3
        data = value_at(file, "data", "data.path=/events")
        assert data == {"source": "npz", "path": "/events", "limit": 100, "split": "by-particle", "vertex_unit": "cm"}

    def test_a_bare_name_in_the_file_takes_keys(self, file: Path) -> None:
        assert value_at(file, "model.scheme.sampler", "model.scheme.sampler.steps=5") == {"name": "euler", "steps": 5}

    def test_a_key_that_only_the_old_one_had_is_refused(self, file: Path) -> None:
        [line] = problems_of(file, "model.scheme.network=unet", "model.scheme.network.width=3")
        assert line.startswith("--set model.scheme.network.width=3: unknown key; architecture unet has ")
        assert "it is a key of dense, mlp or patch_transformer" in line


def test_a_component_by_default_takes_keys(file: Path) -> None:
    file.write_text(TEXT.replace('sampler = "euler"\n', ""))
    assert value_at(file, "model.scheme.sampler", "model.scheme.sampler.steps=5") == {"name": "euler", "steps": 5}
    transforms = value_at(file, "model.target", 'model.target.transforms=["dequantise"]')["transforms"]
    assert transforms == [{"name": "dequantise"}]
    [line] = problems_of(file, "model.scheme.sampler.setps=5")
    assert line.endswith("did you mean model.scheme.sampler.steps?")


class TestStages:
    @pytest.mark.parametrize("key", ["train.epochs", "stages.main.train.epochs"])
    @pytest.mark.parametrize("form", ["top", "stages"])
    def test_the_only_stage_answers_to_both_forms(self, file: Path, key: str, form: str) -> None:
        if form == "stages":
            file.write_text(TEXT.replace("[model.", "[stages.main.model.").replace("[train]", "[stages.main.train]"))
        assert value_at(file, "train.epochs", f"{key}=7") == 7.0

    def test_several(self, file: Path) -> None:
        file.write_text(STAGES)
        assert value_at(file, "stages.sums.train.epochs", "stages.sums.train.epochs=7") == 7.0

    @pytest.mark.parametrize(
        ("text", "option", "meant"),
        [
            (
                STAGES,
                "train.epochs=7",
                "several stages; did you mean stages.sums.train.epochs or stages.other.train.epochs?",
            ),
            (
                STAGES,
                "stages.smus.train.epochs=7",
                "no such stage; there are sums or other; did you mean stages.sums.train.epochs?",
            ),
            (TEXT, "stages.sums.train.epochs=7", "one stage, written at the top; did you mean train.epochs?"),
        ],
    )
    def test_stages_that_are_none(self, file: Path, text: str, option: str, meant: str) -> None:
        file.write_text(text)
        [line] = problems_of(file, option)
        assert line.startswith(f"--set {option}: ")
        assert line.endswith(meant)

    def test_a_whole_one_may_be_added(self, file: Path) -> None:
        file.write_text(STAGES)
        stage = (
            '{ model.scheme = { name = "flow_matching", network = "mlp" }, train = { epochs = 1, optimizer = "x" } }'
        )
        added = stage.replace('"x"', '{ name = "sgd", learning_rate = 1 }')
        assert list(load_recipe(file, [f"stages.new={added}"]).recipe.stages) == ["sums", "other", "new"]


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("train.epohcs=3", "unknown key; [train] has "),
        ("train.epohcs=3", "; did you mean train.epochs?"),
        ("trian.epochs=3", "; did you mean train?"),
        ("train.epochs=many", "must be a number greater than 0"),
        ("train.epochs=0", "must be a number greater than 0"),
        ("train=3", "must be a table"),
        ("train.epochs.x=3", "must be a number"),
        ("train.optimizer=adma", 'train.optimizer.name = "adma": no such optimizer'),
        ("detector=zm", "no such detector; must be focal_h, zn or zp"),
        ("data.source=3", "must name a source"),
        ("seed=zn", "must be a whole number"),
        ("seed=1979-05-27", "must be a whole number"),
        ("model.target.transforms=log1p", "must be a list"),
        ("model.target.transforms=[1]", "model.target.transforms[0] = 1: must name a transform"),
    ],
)
def test_problems_are_those_of_the_option(file: Path, option: str, says: str) -> None:
    found = [line for line in problems_of(file, option) if says in line]
    assert len(found) == 1
    assert found[0].startswith(f"--set {option}: ")


@pytest.mark.parametrize("option", ["model.scheme=factorised", "model.scheme.name=factorised"])
def test_a_component_named_by_an_option_asks_for_its_keys(file: Path, option: str) -> None:
    assert [line.partition(":")[2].split(";")[0] for line in problems_of(file, option)] == [
        " model.scheme.sums: missing",
        " model.scheme.shape: missing",
    ]
    assert all(line.startswith(f"--set {option}: ") for line in problems_of(file, option))


def test_problems_of_file_and_options_together(file: Path) -> None:
    file.write_text(TEXT.replace("epochs = 3", "epochs = 0"))
    first, second = problems_of(file, "seed=x")
    assert first.startswith(f"{file}:11: train.epochs = 0: ")
    assert second.startswith("--set seed=x: ")
