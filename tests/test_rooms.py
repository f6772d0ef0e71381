"""The plan of the house: imports run downwards, files are small, and nothing executes what it reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "zoo"

FLOORS = [
    {"catalogue", "errors", "typing"},
    {"detectors"},
    {"data"},
    {"layers"},
    {"optim"},
    {"architectures"},
    {"evaluation"},
    {"schemes"},
    {"recipe"},
    {"shelf"},
    {"report"},
    {"runner"},
    {"cli"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(ROOT.rglob("*.py"))
MAX_LINES = 300


def name_of(path: Path) -> str:
    """The file's path below the package, for the test report."""
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str | None:
    """The room a file lies in; None for the front door, `zoo/__init__.py`."""
    first = path.relative_to(ROOT).parts[0].removesuffix(".py")
    return None if first == "__init__" else first


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything a file imports, at its top, in its functions or for typing alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def test_the_plan_knows_every_room():
    assert {room_of(path) for path in FILES} - {None} == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_run_downwards(path: Path):
    own = room_of(path)
    if own is None:
        return
    upwards = []
    for line, name in imported(path):
        package, _, rest = name.partition(".")
        room = rest.partition(".")[0]
        # The package itself has a version and a place on the disk, and is no room.
        if package != "zoo" or room in ("", "__version__", own):
            continue
        if FLOOR[room] > FLOOR[own] or FLOOR[room] == FLOOR[own] > 0:
            upwards.append(f"line {line}: {name}")
    assert not upwards


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_are_small(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


FORBIDDEN_MODULES = {"pickle", "cloudpickle", "dill", "marshal", "shelve"}
UNPICKLES = "architectures/pretrained/restricted_pickle.py"
"""The one file that reads pickles: of a pinned digest, and nothing but arrays (`tests/test_pretrained.py`)."""
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_unpickles_or_evaluates(path: Path):
    forbidden = FORBIDDEN_MODULES - ({"pickle"} if name_of(path) == UNPICKLES else set())
    assert not [name for _, name in imported(path) if name.split(".")[0] in forbidden]
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert not [call.func.id for call in calls if isinstance(call.func, ast.Name) and call.func.id in FORBIDDEN_CALLS]
    keywords = {
        (keyword.arg, keyword.value.value)
        for call in calls
        for keyword in call.keywords
        if isinstance(keyword.value, ast.Constant)
    }
    assert ("allow_pickle", True) not in keywords


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_module_says_what_it_is_for(path: Path):
    assert (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").strip()
