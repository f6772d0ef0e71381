"""`zoo compare`."""

from __future__ import annotations

import argparse

from zoo.cli.options import add_json, add_registry, add_verb

DESCRIPTION = """\
Models of the shelf side by side: how far their responses are from GEANT's, how
far GEANT is from itself, what was published (on other data), time, parameters.
"""

EPILOG = """\
examples:
  zoo compare zn_fm zn_fm_patch
  zoo compare 'zp_*' --json
"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "compare", "pretrained models side by side", DESCRIPTION, EPILOG, run)
    parser.add_argument("names", nargs="+", metavar="NAME", help="models on the shelf, or patterns: 'zn_*'")
    add_registry(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    from zoo.errors import ShelfError
    from zoo.report.compare import comparison, summary
    from zoo.shelf.choose import choose_cards

    cards = choose_cards(options.names, options.registry)
    tables = [card.table for card in cards]
    try:
        if options.json:
            import json

            print(json.dumps([summary(table) for table in tables], indent=2))
        else:
            print(comparison(tables))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        names = ", ".join(card.name for card in cards)
        raise ShelfError(f"{names}: a damaged card: it cannot be compared ({error})") from error
    return 0
