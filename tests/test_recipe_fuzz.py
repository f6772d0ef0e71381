"""Whatever is done to a good recipe, it loads or is refused in clear lines."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from zoo.errors import RecipeError
from zoo.recipe.load import load_recipe
from zoo.recipe.places import KeyPath
from zoo.recipe.problem import dotted

NETWORK = {"name": "mlp", "width": 32}
FLOW = {"name": "flow_matching", "network": NETWORK, "sampler": {"name": "heun", "steps": 3}}
GOOD: dict[str, Any] = {
    "detector": "zn",
    "seed": 3,
    "data": {"source": "sample", "limit": 100},
    "stages": {
        "sums": {
            "model": {
                "target": {"name": "channels", "transforms": ["log1p", {"name": "scale", "factor": 2.0}]},
                "scheme": FLOW,
            },
            "train": {"epochs": 50, "keep": "last", "optimizer": {"name": "adam", "learning_rate": 4.4e-4}},
        },
        "shape": {
            "model": {
                "maps": {"name": "impact_maps", "widths": [1.0, 2.5]},
                "scheme": {"name": "factorised", "sums": "sums", "shape": FLOW},
            },
            "train": {
                "epochs": 50,
                "optimizer": {"name": "adam", "learning_rate": 4.4e-4},
                "schedule": "one_cycle",
                "players": {"velocity": {"clip": 1.0}},
            },
        },
    },
    "evaluate": {"repeats": 2},
    "published": {"source": "table", "mae": 16.99},
}


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*path, key))
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from paths(item, (*path, number))


def changed(path: KeyPath, value: Any) -> dict[str, Any]:
    table = copy.deepcopy(GOOD)
    parent: Any = table
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return table


WORDS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=6),
    st.sampled_from(
        ["name", "source", "sums", "shape", "mlp", "unet", "adam", "flow_matching", "train", "stages", "path"]
    ),
)
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.datetimes(), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6,
)
QUICKLY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)


def problems_of(path: Path, *overrides: str) -> tuple[str, ...]:
    """The problems of a recipe, each a printable line; none if it loads."""
    try:
        load_recipe(path, overrides)
        problems = None
    except RecipeError as error:
        problems = error.problems
    assert problems is None or (problems and all(problem.isprintable() for problem in problems)), problems
    return problems or ()


def test_it_is_good(tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text(tomli_w.dumps(GOOD))
    assert problems_of(tmp_path / "good.toml") == ()


@QUICKLY
@given(path=st.sampled_from(list(paths(GOOD))), value=VALUES)
@example(path=("stages", "sums", "model", "scheme"), value=[])
@example(path=("published", "mae"), value=2**2000)
@example(path=("seed",), value=2**2000)
def test_any_value_anywhere(tmp_path: Path, path: KeyPath, value: Any) -> None:
    file = tmp_path / "changed.toml"
    file.write_text(tomli_w.dumps(changed(path, value)), encoding="utf-8")
    found = problems_of(file)
    assert all(problem.startswith(f"{file}:") for problem in found)
    table = dotted(path[:-1])
    assert not found or any(f": {table}" in problem or f": {dotted(path)}" in problem for problem in found), found


@QUICKLY
@given(path=st.sampled_from([path for path in paths(GOOD) if isinstance(path[-1], str)]), key=WORDS, value=VALUES)
def test_any_key_anywhere(tmp_path: Path, path: KeyPath, key: str, value: Any) -> None:
    file = tmp_path / "changed.toml"
    file.write_text(tomli_w.dumps(changed((*path[:-1], key), value)), encoding="utf-8")
    assert all(problem.startswith(f"{file}:") for problem in problems_of(file))


@pytest.mark.parametrize("path", list(paths(GOOD)), ids=dotted)
def test_nothing_anywhere(tmp_path: Path, path: KeyPath) -> None:
    table = copy.deepcopy(GOOD)
    parent: Any = table
    for key in path[:-1]:
        parent = parent[key]
    del parent[path[-1]]
    (tmp_path / "less.toml").write_text(tomli_w.dumps(table))
    assert all(problem.startswith(f"{tmp_path}/less.toml:") for problem in problems_of(tmp_path / "less.toml"))


@QUICKLY
@given(content=st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "junk.toml").write_bytes(content)
    assert problems_of(tmp_path / "junk.toml")


@QUICKLY
@given(
    start=st.integers(0, 1200), length=st.integers(1, 30), insert=st.text(alphabet="[]{}\"'=.,# \n\\ax1", max_size=4)
)
def test_any_slip_of_the_hand(tmp_path: Path, start: int, length: int, insert: str) -> None:
    text = tomli_w.dumps(GOOD)
    (tmp_path / "slip.toml").write_text(text[:start] + insert + text[start + length :])
    problems_of(tmp_path / "slip.toml")


@QUICKLY
@given(path=st.sampled_from([path for path in paths(GOOD) if all(isinstance(key, str) for key in path)]), value=WORDS)
def test_any_override(tmp_path: Path, path: KeyPath, value: str) -> None:
    (tmp_path / "good.toml").write_text(tomli_w.dumps(GOOD))
    option = f"{dotted(path)}={value}"
    found = problems_of(tmp_path / "good.toml", option)
    assert not found or any(problem.startswith("--set ") for problem in found), found
