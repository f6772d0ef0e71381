"""The line of every key of a TOML text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import tomli
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from zoo.recipe.lines import key_lines

TEXT = r'''# a comment with [brackets] and key = "value"
title = "not = a key [at all]" # title = 2

[data]   # [train]
limit = 3

[ model . "scheme" ]
'quoted.key' = """
first = 1
[second]
escaped \""" quotes""""
literal = QQQ
x = 1
QQQ
a.b.c = { d = 1, e = [ { f = 2 }, 3 ], "g h" = "}" }
list = [
  1, # one
  [2, 3],
  { x = 1,
    y = "]" },
  1979-05-27 07:32:00,
]
last = true

[[events]]
n = 1
[events.inner]
m = 1
[[events]]
n = 2
[[events.many]]
z = 1
[[events.many]]
z = 2
'''.replace("QQQ", "'" * 3)

EXPECTED = {
    ("title",): 2,
    ("data",): 4,
    ("data", "limit"): 5,
    ("model", "scheme", "quoted.key"): 8,
    ("model", "scheme", "literal"): 12,
    ("model", "scheme", "a", "b"): 15,
    ("model", "scheme", "a", "b", "c", "e", 0, "f"): 15,
    ("model", "scheme", "a", "b", "c", "g h"): 15,
    ("model", "scheme", "list", 0): 17,
    ("model", "scheme", "list", 1, 1): 18,
    ("model", "scheme", "list", 2, "y"): 20,
    ("model", "scheme", "list", 3): 21,
    ("model", "scheme", "last"): 23,
    ("events",): 25,
    ("events", 0, "n"): 26,
    ("events", 0, "inner", "m"): 28,
    ("events", 1): 29,
    ("events", 1, "n"): 30,
    ("events", 1, "many", 0, "z"): 32,
    ("events", 1, "many", 1, "z"): 34,
}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_every_kind_of_key(ending: str) -> None:
    lines = key_lines(TEXT.replace("\n", ending))
    assert {path: lines.get(path) for path in EXPECTED} == EXPECTED
    assert set(lines) == set(paths(tomli.loads(TEXT)))


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*path, key))
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from paths(item, (*path, number))


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.floats(), st.datetimes(), TEXTS, st.just(3 * '"')),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.booleans())
def test_finds_exactly_the_keys_that_the_parser_finds(table: dict[str, Any], multiline: bool) -> None:
    text = tomli_w.dumps(table, multiline_strings=multiline)
    assert set(key_lines(text)) == set(paths(tomli.loads(text)))


@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), st.integers(0, 3)))
def test_lines_are_those_of_the_text(fillers: dict[str, int]) -> None:
    text = "".join("\n# filler\n" * count + f"{key} = [\n]\n" for key, count in fillers.items())
    lines = key_lines(text)
    for key in fillers:
        assert text.splitlines()[lines[(key,)] - 1] == f"{key} = ["
