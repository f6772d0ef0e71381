"""`zoo cite`."""

from __future__ import annotations

import argparse

from zoo.cli.options import add_registry, add_verb

DESCRIPTION = """\
What to cite when a model is used, as BibTeX: the zoo, the simulation behind its
training data, and the papers of its detector, scheme and networks.
"""

EPILOG = """\
examples:
  zoo cite zp_fm
  zoo cite zn_nf >> references.bib
"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "cite", "BibTeX of what a model is made of", DESCRIPTION, EPILOG, run)
    parser.add_argument("name", metavar="NAME", help="a model on the shelf; `zoo list` shows them")
    add_registry(parser)


def run(options: argparse.Namespace) -> int:
    """Print the entries."""
    from zoo.errors import ShelfError
    from zoo.shelf.card import find_card

    card = find_card(options.name, options.registry)
    entries = [entry for entry in card.table.get("citation", {}).values() if isinstance(entry, str)]
    if not entries:
        raise ShelfError(f"{card.file}: damaged card: it names nothing to cite")
    print("\n\n".join(entries))
    return 0
