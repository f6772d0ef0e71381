"""One thing that is wrong with a recipe, and how keys and values are written in messages."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoo.recipe.places import KeyPath

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST = 60


class _Absent:
    """Stands for no value at all: TOML has no null."""


ABSENT = _Absent()


@dataclass(frozen=True)
class Problem:
    """What is wrong at a key path of the recipe."""

    path: KeyPath
    text: str
    """What is wrong; what is allowed; what may have been meant."""
    value: Any = ABSENT
    """The offending value, where showing it helps."""
    asked_by: KeyPath = ()
    """For a missing key of a component: the key path that names the component."""
    about_key: bool = False
    """The key itself is wrong, whatever its value."""


def dotted(path: KeyPath) -> str:
    """A key path as it is written in TOML and after `--set`; list positions in brackets."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + (key if _BARE.fullmatch(key) else quoted(key))
    return text


def quoted(text: str) -> str:
    """A string in quotes on one line, whatever it contains."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return f'"{"".join(escapes.get(letter) or _printable(letter) for letter in text)}"'


def printable(text: str) -> str:
    """A text on one line, without characters that a terminal would act on."""
    return "".join(map(_printable, text))


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else f"\\u{ord(letter):04x}"


def shown(value: Any) -> str:
    """A value as TOML would have it, shortened to fit a line."""
    text = _written(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value[:_LONGEST])
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{dotted((key,))} = {_written(item)}" for key, item in [*value.items()][:8]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_written, value[:16])) + "]"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return printable(str(value))
