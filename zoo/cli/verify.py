"""`zoo verify`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.options import add_registry, add_verb

if TYPE_CHECKING:
    from zoo.shelf.card import Card

DESCRIPTION = """\
See whether pretrained models still give the responses they were published with.

Every file of a model is compared with its sha256; then a reference sample is
generated anew, from the particles and the seed it was made from, and compared
with the stored one within the tolerance that the card declares: so many
responses may have at most such a share of their light elsewhere. With --metrics
the whole evaluation is repeated as well, which takes minutes per model.
"""

EPILOG = """\
examples:
  zoo verify zp_fm
  zoo verify --all
  zoo verify zn_fm_factorised zn_nf --metrics
"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "verify", "do pretrained models still give what they gave?", DESCRIPTION, EPILOG, run)
    parser.add_argument("names", nargs="*", metavar="NAME", help="models on the shelf; `zoo list` shows them")
    parser.add_argument("--all", action="store_true", help="every model on the shelf")
    parser.add_argument("--metrics", action="store_true", help="measure the metrics of the card again, too")
    parser.add_argument(
        "--keep",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where NAME.differs.npz goes if a model fails: both samples and their particles (default: here)",
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="give models that were published without a reference sample (schema 1) one, and change nothing else",
    )
    add_registry(parser)


def run(options: argparse.Namespace) -> int:
    """Verify one after the other; what is wrong with one does not keep the others from being verified."""
    from zoo.errors import ShelfError, ZooError
    from zoo.runner.environment import enable_compilation_cache
    from zoo.shelf.card import all_cards, find_card

    if bool(options.names) == options.all:
        raise ShelfError("verify: give either names or --all")
    if not options.keep.is_dir():
        raise ShelfError(f"--keep {options.keep}: no such folder")
    cards = (
        all_cards(options.registry) if options.all else [find_card(name, options.registry) for name in options.names]
    )
    if options.record and options.all:
        cards = [card for card in cards if "reference" not in card.table]
    enable_compilation_cache()
    failed = 0
    for card in cards:
        try:
            line, good = _record(card) if options.record else _verify(card, options)
        except ZooError as error:
            line, good = f"FAILED: {error}", False
        print(f"{card.name}: {line}", flush=True)
        failed += not good
    if failed:
        raise ShelfError(f"{failed} of {len(cards)} models failed")
    print(f"{len(cards)} model{'' if len(cards) == 1 else 's'} {'recorded' if options.record else 'verified'}")
    return 0


def _record(card: Card) -> tuple[str, bool]:
    from zoo.shelf.renew import renew

    before = card.megabytes()
    return f"recorded ({before:.1f} MB before, {renew(card).megabytes():.1f} MB now)", True


def _verify(card: Card, options: argparse.Namespace) -> tuple[str, bool]:
    """(what to say, whether all is well)."""
    from zoo.report.rounding import number
    from zoo.shelf.verify import verify

    found = verify(card)
    elsewhere = f"at most {number(found.apart.max(), 2)} of the light elsewhere"
    said = f"{found.agreeing} of {len(found.apart)} responses agree, {elsewhere}"
    if not found.passed:
        kept = options.keep / f"{card.name}.differs.npz"
        found.save(kept)
        return f"FAILED: {said}; {_published_with(card)}; both samples are kept in {kept}", False
    if not options.metrics:
        return said, True
    told, good = _metrics(card)
    return f"{said}\n{told}", good


def _published_with(card: Card) -> str:
    import jax

    from zoo.evaluation.timing import device_description

    then = f"jax {card.text('reference', 'made_with', 'jax')} on {card.text('reference', 'made_with', 'device')}"
    return f"published with {then}, now jax {jax.__version__} on {device_description()}"


def _metrics(card: Card) -> tuple[str, bool]:
    from zoo.cli.display import display
    from zoo.cli.remeasured import lines
    from zoo.runner.remeasure import beside, measured
    from zoo.shelf.load import load

    with display() as shown:
        now = measured(load(card.name, card.shelf.root), shown)
    found = beside(card.table["metrics"], now["metrics"])
    return "\n".join(lines(found)), all(each.agrees for each in found)
