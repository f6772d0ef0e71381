"""One recipe file: found, read, parsed."""

from __future__ import annotations

import re
from pathlib import Path

import tomli

from zoo.errors import RecipeError
from zoo.recipe.layers import FileLayer
from zoo.recipe.lines import key_lines
from zoo.recipe.nesting import DEEPEST, too_deep
from zoo.recipe.problem import printable
from zoo.recipe.shipped import SUFFIX, shipped_recipes
from zoo.recipe.suggestions import nearest

LARGEST_BYTES = 1 << 20

_UNQUOTED = re.compile(r"^[^=#]*=\s*([A-Za-z_][\w./~-]*)\s*(?:#.*)?$")


def find(path: Path, folder: Path | None = None) -> Path:
    """The file of a recipe: as given, or a shipped recipe where a bare name is given and no such file exists.

    Args:
        path: a file, or the bare name of a shipped recipe.
        folder: what a relative path is relative to; the working directory where absent.

    Raises:
        RecipeError: there is no such file, with the nearest name in that folder or among the shipped recipes.
    """
    file = path if folder is None else folder / path
    if _exists(file):
        return file
    shipped = shipped_recipes()
    bare = len(path.parts) == 1
    if bare and path.name.removesuffix(SUFFIX) in shipped:
        return shipped[path.name.removesuffix(SUFFIX)]
    beside = {other.name: other for other in _recipes_in(file.parent)}
    names = nearest(file.name, beside, 1) or nearest(f"{file.name}{SUFFIX}", beside, 1)
    meant = [str(beside[name]) for name in names]
    if bare and not meant:
        meant = nearest(path.name.removesuffix(SUFFIX), shipped, 1)
    advice = f"; did you mean {meant[0]}?" if meant else ""
    shown = printable(str(file))
    if bare and not path.suffix:
        known = ", ".join(shipped) or "none"
        raise RecipeError([f"{shown}: no such file or shipped recipe; shipped are {known}{advice}"])
    raise RecipeError([f"{shown}: no such file{advice}"])


def read(path: Path) -> FileLayer:
    """The parsed file with the line of every key.

    Raises:
        RecipeError: it cannot be read, is no UTF-8 text or no TOML, or is nested beyond reason.
    """
    label = printable(str(path))
    text = _text(path, label)
    try:
        table = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise RecipeError([_syntax_error(label, text, error)]) from None
    except RecursionError:
        raise RecipeError([f"{label}: tables or lists are nested more than {DEEPEST} deep"]) from None
    except ValueError as error:
        raise RecipeError([f"{label}: not valid TOML: {printable(str(error)).split(';')[0]}"]) from None
    if too_deep(table):
        raise RecipeError([f"{label}: tables or lists are nested more than {DEEPEST} deep"])
    return FileLayer(label, table, key_lines(text))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _recipes_in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob(f"*{SUFFIX}"))
    except (OSError, ValueError):
        return []


def _text(path: Path, label: str) -> str:
    if path.is_dir():
        inside = ", ".join(file.name for file in _recipes_in(path)[:12])
        raise RecipeError([f"{label}: a directory, not a recipe" + (f"; in it are {inside}" if inside else "")])
    if not path.is_file():
        raise RecipeError([f"{label}: not a regular file"])
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise RecipeError(
                [f"{label}: {path.stat().st_size} bytes; a recipe is TOML text of at most {LARGEST_BYTES}"]
            )
        content = path.read_bytes()
    except OSError as error:
        raise RecipeError([f"{label}: cannot be read: {error.strerror or error}"]) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise RecipeError([f"{label}:{number}: not UTF-8 text; a recipe is TOML text"]) from None


def _syntax_error(label: str, text: str, error: tomli.TOMLDecodeError) -> str:
    lines = text.splitlines()
    number = min(max(error.lineno, 1), max(len(lines), 1))
    content = lines[number - 1].strip() if lines else ""
    message = f"{label}:{number}: not valid TOML: {printable(error.msg)} at column {error.colno}"
    unquoted = _UNQUOTED.match(content)
    if unquoted and error.msg == "Invalid value":
        return f'{message}; text needs quotes: "{unquoted.group(1)}"'
    return f"{message}: {printable(content[:60])}" if content else message
