"""`zoo describe`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from zoo.cli.options import add_json, add_verb

if TYPE_CHECKING:
    from zoo.recipe.describe import Description

DESCRIPTION = """\
A component with all its keys, their ranges, defaults and meaning; or a table of
a recipe: recipe, model, train, players, evaluate, published, sweep, members.
"""

EPILOG = """\
examples:
  zoo describe unet
  zoo describe train
"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "describe", "the keys of a component", DESCRIPTION, EPILOG, run)
    parser.add_argument("name", metavar="NAME", help="a component of any kind, or a table of a recipe")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print everything of that name."""
    from dataclasses import asdict

    from zoo.recipe.describe import describe

    found = describe(options.name)
    if options.json:
        import json

        print(json.dumps([asdict(description) for description in found], indent=2))
    else:
        print("\n\n".join("\n".join(_text(description)) for description in found))
    return 0


def _text(description: Description) -> list[str]:
    from zoo.report.text import heading, wrapped

    lines = heading(f"{description.kind} {description.name}")
    for paragraph in description.text.split("\n\n"):
        lines += [*wrapped(paragraph), ""]
    for row in description.keys:
        default = row.default if row.default in ("required", "absent") else f"default {row.default}"
        other = f"; published code: {row.published}" if row.published else ""
        lines += wrapped(f"{row.key}: {row.accepts}; {default}{other}", hanging=" " * 6)
        lines += wrapped(row.meaning, " " * 6)
    return lines if description.keys else [*lines, "  It has no keys."]
