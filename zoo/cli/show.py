"""`zoo show`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo.cli.options import add_json, add_registry, add_verb

if TYPE_CHECKING:
    from zoo.shelf.card import Card

DESCRIPTION = """\
Everything that is known of one model: how it was trained, on what, how good and
how fast it is.
"""

EPILOG = """\
examples:
  zoo show zp_fm
  zoo show zp_fm --json
"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "show", "the whole card of a model", DESCRIPTION, EPILOG, run)
    parser.add_argument("name", metavar="NAME", help="a model on the shelf; `zoo list` shows them")
    add_registry(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the card."""
    from zoo.shelf.card import find_card

    card = find_card(options.name, options.registry)
    if options.json:
        import json

        print(json.dumps(card.table, indent=2))
    else:
        print(_text(card))
    return 0


def _text(card: Card) -> str:
    from zoo.errors import ShelfError
    from zoo.report.tables import result_table

    try:
        blocks = [result_table({**card.table, "recipe": card.name}), *map("\n".join, (_origin(card), _use(card)))]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ShelfError(f"{card.file}: damaged card: it cannot be shown ({error})") from error
    return "\n\n".join(blocks)


def _origin(card: Card) -> list[str]:
    from zoo.report.text import heading, listing, wrapped

    table = card.table
    data, versions = table.get("data", {}), table.get("versions", {})
    stages = table.get("stages", {})
    epochs = ", ".join(
        f"{f'{name} ' if len(stages) > 1 else ''}{stage.get('epochs', '-')}" for name, stage in stages.items()
    )
    split = ", ".join(f"{data[part]:,} {part}" for part in ("train", "validation", "test") if part in data)
    rows = [
        ("recipe", f"{table['recipe']} (digest {table['recipe_digest'][:16]}), seed {table.get('seed')}"),
        ("target", str(table.get("target"))),
        ("epochs", epochs or "-"),
        ("data", f"{data.get('origin')}: {data.get('events', 0):,} events, {data.get('split')} split: {split}"),
        ("", f"sha256 {data.get('sha256')}"),
        *([("", f"described in {data['card']}")] if "card" in data else []),
        *([("reach", _reach(data["ranges"]))] if "ranges" in data else []),
        *([("weights", _weights(table["weights"]))] if "weights" in table else []),
        *([("reference", _reference(table["reference"]))] if "reference" in table else []),
        ("created", str(table.get("created"))),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("licence", f"{table.get('licence')} (weights)"),
        ("cite", ", ".join(table.get("citation", {}))),
        ("files", f"{len(table['files'])}, each with its sha256 in the card"),
    ]
    return [*heading("Provenance"), *listing(rows), *wrapped(f"card: {card.file}"), *wrapped(f"files: {card.folder}")]


def _reach(ranges: Mapping[str, Sequence[float]]) -> str:
    """Where the model was trained, column by column."""
    from zoo.report.rounding import number

    return ", ".join(f"{name} {number(low)} to {number(high)}" for name, (low, high) in ranges.items())


def _weights(weights: Mapping[str, Any]) -> str:
    return f"rounded to {weights['mantissa_bits']} bits of mantissa; metrics were measured with these"


def _reference(reference: Mapping[str, Any]) -> str:
    made = reference["made_with"]
    return (
        f"{reference['responses']} responses (seed {reference['seed']}), of which {reference['agreeing']} have to come "
        f"out again with at most {reference['tolerance']:.0%} of the light elsewhere; made with jax {made['jax']} on "
        f"{made['device']}"
    )


def _use(card: Card) -> list[str]:
    from zoo.report.text import heading

    return [
        *heading("Use"),
        f"  zoo sample {card.name} --particles particles.npz --out responses.npz",
        f"  zoo verify {card.name}",
        f"  zoo cite {card.name}",
        f'  zoo.load("{card.name}").sample(particles, seed=0)',
    ]
