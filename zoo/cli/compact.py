"""`zoo compact`."""

from __future__ import annotations

import argparse

from zoo.cli.options import add_registry, add_verb

DESCRIPTION = """\
Store pretrained models in less than half the space.

Weights are rounded to 8 bits of mantissa, one more than bfloat16 has. The whole
evaluation is then repeated, which takes minutes per model, and the card
tells what the shorter weights give. If any metric would be another number,
within what `zoo verify --metrics` allows, the model is left as it was.
"""

EPILOG = """\
examples:
  zoo compact zp_fm_wide
  zoo compact zn_nf zn_diffusion --registry ~/models
"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "compact", "halve the size of pretrained models", DESCRIPTION, EPILOG, run)
    parser.add_argument("names", nargs="+", metavar="NAME", help="models on the shelf; `zoo list` shows them")
    add_registry(parser)


def run(options: argparse.Namespace) -> int:
    """Compact one after the other; what is wrong with one does not keep the others from it."""
    from zoo.cli.display import display
    from zoo.cli.remeasured import lines
    from zoo.errors import ShelfError, ZooError
    from zoo.runner.compact import compact
    from zoo.runner.environment import enable_compilation_cache
    from zoo.shelf.card import find_card

    cards = [find_card(name, options.registry) for name in dict.fromkeys(options.names)]
    enable_compilation_cache()
    failed = 0
    for card in cards:
        try:
            before = card.megabytes()
            with display() as shown:
                now, found = compact(card, shown)
            print(f"{card.name}: {before:.1f} MB before, {now.megabytes():.1f} MB now", *lines(found), sep="\n")
        except ZooError as error:
            failed += 1
            print(f"{card.name}: FAILED: {error}", flush=True)
    if failed:
        raise ShelfError(f"{failed} of {len(cards)} models were left as they were")
    return 0
