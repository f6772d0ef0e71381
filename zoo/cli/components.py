"""`zoo components`."""

from __future__ import annotations

import argparse

from zoo.cli.options import add_json, add_verb

DESCRIPTION = """\
What a recipe may name: detectors, sources, transforms, architectures, schemes,
samplers, optimizers and more.

Installed packages add their own through the entry point group
calozoo.components.
"""

EPILOG = """\
examples:
  zoo components
  zoo components architecture
"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "components", "what a recipe may name", DESCRIPTION, EPILOG, run)
    parser.add_argument("kind", nargs="?", metavar="KIND", help="only components of this kind")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the list."""
    from dataclasses import asdict

    from zoo.recipe.describe import component_rows
    from zoo.report.text import listing

    rows = component_rows(options.kind)
    if options.json:
        import json

        print(json.dumps([asdict(row) for row in rows], indent=2))
        return 0
    blocks = []
    for kind in dict.fromkeys(row.kind for row in rows):
        blocks.append("\n".join([kind, *listing([(row.name, row.summary) for row in rows if row.kind == kind])]))
    print("\n\n".join(blocks))
    print("\n`zoo describe NAME` shows the keys of a component.")
    return 0
