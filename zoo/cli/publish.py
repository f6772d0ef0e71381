"""`zoo publish`."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoo.cli.options import add_verb

DESCRIPTION = """\
Put the model of a finished run on the shelf: a card (registry/NAME.toml) and
its files (checkpoints/NAME/).

It goes to the first of: --registry, $ZOO_HOME, the working directory if it is a
shelf, the clone the zoo runs from.
"""

EPILOG = """\
examples:
  zoo publish runs/zp_fm/001 --as zp_fm
  zoo publish runs/zp_fm/002 --as zp_fm_wide --registry ~/models
"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "publish", "put a finished run on the shelf", DESCRIPTION, EPILOG, run)
    parser.add_argument("run", type=Path, metavar="RUN", help="the directory of a finished run")
    parser.add_argument("--as", required=True, metavar="NAME", dest="name", help="what the model is called")
    parser.add_argument(
        "--registry",
        type=Path,
        metavar="DIR",
        help="the shelf: a folder for registry/ and checkpoints/, made if need be",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace a model of that name; publish a run that diverged"
    )


def run(options: argparse.Namespace) -> int:
    """Publish it."""
    from zoo.shelf.finished_run import FinishedRun
    from zoo.shelf.names import check_name
    from zoo.shelf.publish import publish
    from zoo.shelf.shelves import writable_shelf

    check_name(options.name)
    shelf = writable_shelf(options.registry)
    card = publish(FinishedRun.open(options.run), shelf, options.name, force=options.force)
    print(f"card   {card.file}\nfiles  {card.folder} ({card.megabytes():.1f} MB)")
    return 0
