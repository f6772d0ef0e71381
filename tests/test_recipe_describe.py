"""What is said about components: from the catalogue, for every component."""

from __future__ import annotations

import pytest

from zoo.catalogue import components, kinds
from zoo.errors import ComponentError
from zoo.recipe.describe import TABLES, component_rows, describe

EVERY = [(kind, name) for kind in kinds() for name in components(kind)]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_component_is_described_in_full(kind: str, name: str) -> None:
    [described] = [each for each in describe(name) if each.kind == kind]
    assert described.text
    assert [row.key for row in described.keys] == list(components(kind)[name].model_fields)
    for row in described.keys:
        assert row.meaning, row.key
        assert row.accepts, row.key
        assert row.default, row.key
        assert "typing." not in row.accepts, row.key


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_a_recipe_is_described_in_full(name: str) -> None:
    assert all(row.meaning and row.accepts and row.default for row in describe(name)[0].keys)


def test_rows_are_the_catalogue() -> None:
    assert [(row.kind, row.name) for row in component_rows()] == EVERY
    assert {row.name for row in component_rows("detector")} >= {"zn", "zp"}
    assert all(row.summary and "\n" not in row.summary for row in component_rows())


def test_keys_in_plain_words() -> None:
    rows = {row.key: row for row in describe("train")[0].keys}
    assert (rows["epochs"].accepts, rows["epochs"].default) == ("number greater than 0 and at most 1000000", "required")
    assert (rows["batch_size"].accepts, rows["batch_size"].default) == ("whole number from 1 to 1000000", "256")
    assert (rows["ema"].accepts, rows["ema"].default) == ("number greater than 0 and less than 1", "absent")
    assert (rows["precision"].accepts, rows["precision"].default) == ("auto, float32 or bfloat16", '"auto"')
    assert rows["optimizer"].accepts.startswith("optimizer: adam, ")
    assert rows["schedule"].default == '"constant"'
    assert describe("factorised")[0].keys[0].accepts == "the name of an earlier stage"


@pytest.mark.parametrize(
    ("name", "says"),
    [("unett", "did you mean unet?"), ("", "no such component"), ("optimizer", "zoo components optimizer")],
)
def test_unknown_names(name: str, says: str) -> None:
    with pytest.raises(ComponentError) as caught:
        describe(name)
    assert says in str(caught.value)


def test_unknown_kind() -> None:
    with pytest.raises(ComponentError, match=r"there are .*architecture, .*detector, .*did you mean detector?"):
        component_rows("detectors")
