"""`zoo report`."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoo.cli.options import add_registry, add_verb

DESCRIPTION = """\
The shelf as web pages: pictures of fidelity against time with the noise floor,
a leaderboard for every detector, a page for every model. They need no network
and no server: open DIR/index.html in a browser.
"""

EPILOG = """\
examples:
  zoo report
  zoo report --out zn_gallery 'zn_*'
"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "report", "the shelf as a gallery of web pages", DESCRIPTION, EPILOG, run)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="models on the shelf, or patterns: 'zn_*' (default: all)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("gallery"),
        metavar="DIR",
        help="where it goes; a gallery there is replaced (default: gallery)",
    )
    add_registry(parser)


def run(options: argparse.Namespace) -> int:
    """Write the pages."""
    from zoo.report.gallery.site import write_gallery
    from zoo.report.rounding import count
    from zoo.shelf.card import all_cards
    from zoo.shelf.choose import choose_cards

    cards = choose_cards(options.names, options.registry) if options.names else all_cards(options.registry)
    names = write_gallery(options.out, cards)
    print(f"{options.out / 'index.html'}  ({count(len(names), 'model')})")
    return 0
