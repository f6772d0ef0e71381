"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def add_verb(
    verbs: argparse._SubParsersAction,
    name: str,
    summary: str,
    description: str,
    epilog: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    """Declare a command whose help keeps its line breaks."""
    parser = verbs.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(verb=run)
    return parser


def add_registry(parser: argparse.ArgumentParser) -> None:
    """Where models are looked for."""
    parser.add_argument(
        "--registry",
        type=Path,
        metavar="DIR",
        help="a shelf to search first: a folder with registry/ and checkpoints/ (see also $ZOO_HOME)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Output for programs."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Changes to a recipe."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override a key of the recipe, e.g. train.epochs=5; VALUE is a TOML value, a bare word is a string",
    )


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option that is a whole number from `least` on."""

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"{text!r}: give a whole number, at least {least}")
        return number

    return convert
