"""`zoo list`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zoo.cli.options import add_json, add_registry, add_verb

if TYPE_CHECKING:
    from zoo.shelf.card import Card

DESCRIPTION = """\
The pretrained models on the shelf, by detector and by the data they were
trained on.

W is the mean Wasserstein distance of the readout channels on the test split;
beside it the floor: GEANT compared with independent GEANT responses to the same
particles. No generator can be expected to come out much below it.
"""

EPILOG = """\
examples:
  zoo list
  zoo list 'zn_*' --sort wasserstein
  zoo list --detector zp --scheme factorised --json
"""

HEADER = ("name", "scheme", "params", "W", "floor", "ms")

EMPTY = """\
The shelf is empty. Train a model and put it there:
  zoo run recipes/zp_fm.toml
  zoo publish runs/zp_fm/001 --as zp_fm
A shelf elsewhere is named by --registry DIR or $ZOO_HOME."""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "list", "the pretrained models", DESCRIPTION, EPILOG, run)
    parser.add_argument("pattern", nargs="?", metavar="PATTERN", help="names to show: 'zn_*', or a part of the name")
    parser.add_argument("--detector", metavar="D", help="only models of this detector")
    parser.add_argument("--scheme", metavar="S", help="only models of this scheme")
    parser.add_argument("--sort", choices=list(ORDERS), default="name", help="order within a block (default: name)")
    add_registry(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    from zoo.shelf.card import all_cards

    cards = all_cards(options.registry)
    chosen = sorted((card for card in cards if _wanted(card, options)), key=ORDERS[options.sort])
    if options.json:
        import json

        print(json.dumps([_summary(card) for card in chosen], indent=2))
    elif not cards:
        print(EMPTY)
    elif not chosen:
        print(f"None of the {len(cards)} models on the shelf fits; `zoo list` shows them all.")
    else:
        print("\n".join(_table(chosen)))
    return 0


def _wanted(card: Card, options: argparse.Namespace) -> bool:
    from fnmatch import fnmatchcase

    pattern = options.pattern or "*"
    pattern = pattern if any(letter in pattern for letter in "*?[") else f"*{pattern}*"
    return (
        fnmatchcase(card.name, pattern)
        and options.detector in (None, card.text("detector"))
        and options.scheme in (None, card.text("scheme"))
    )


def _by_name(card: Card) -> tuple[Any, ...]:
    """Numbers in names count as numbers: `v2` before `v10`."""
    import re

    return tuple((part.isdecimal(), int(part) if part.isdecimal() else part) for part in re.split(r"(\d+)", card.name))


def _by(*keys: str) -> Callable[[Card], tuple[Any, ...]]:
    """Smallest first, models without the number last."""

    def key(card: Card) -> tuple[Any, ...]:
        number = card.number(*keys)
        return (number is None, number or 0.0, _by_name(card))

    return key


ORDERS: Mapping[str, Callable[[Card], tuple[Any, ...]]] = {
    "name": _by_name,
    "wasserstein": _by("metrics", "wasserstein", "mean"),
    "time": _by("time_per_sample_ms"),
    "parameters": _by("parameters"),
}


def _summary(card: Card) -> dict[str, Any]:
    if card.problem is not None:
        return {"name": card.name, "shelf": str(card.shelf.root), "problem": card.problem}
    return {
        "name": card.name,
        "detector": card.text("detector"),
        "scheme": card.text("scheme"),
        "parameters": card.number("parameters"),
        "unit": card.text("unit") or "photon",
        "wasserstein": card.number("metrics", "wasserstein", "mean"),
        "floor": card.number("floor", "repeats", "wasserstein", "mean"),
        "time_per_sample_ms": card.number("time_per_sample_ms"),
        "device": card.text("device"),
        "data": card.text("data", "origin"),
        "converged": card.table.get("converged"),
        "created": card.text("created"),
        "shelf": str(card.shelf.root),
    }


def _table(cards: list[Card]) -> list[str]:
    """A block for every detector and data: distances are only comparable within one."""
    from zoo.cli.columns import columns

    good = [card for card in cards if card.problem is None]
    blocks: dict[str, list[Card]] = {}
    for card in sorted(good, key=_block):
        blocks.setdefault(_block(card), []).append(card)
    rows = columns(HEADER, [_row(card) for block in blocks.values() for card in block], "<<>>>>")
    header, cells = rows[0], iter(rows[1:])
    lines = []
    for block, members in blocks.items():
        lines += [*([""] if lines else []), block, f"  {header}", *(f"  {next(cells)}" for _ in members)]
    lines += [f"{card.name}  {card.problem}" for card in cards if card.problem is not None]
    count = f"{len(good)} model{'' if len(good) == 1 else 's'}"
    lines += [
        "",
        f"{count}. W: Wasserstein distance to GEANT; floor: GEANT to itself;",
        "ms: per response in batches, on the device that `zoo show NAME` names.",
    ]
    if any(_diverged(card) for card in good):
        lines.append("W!: the training diverged; the weights are the last good ones.")
    return lines


def _block(card: Card) -> str:
    detector, data = card.text("detector") or "-", card.text("data", "origin") or "-"
    return f"detector {detector}, trained on {data}, W in {card.text('unit') or 'photon'}s"


def _diverged(card: Card) -> bool:
    return card.table.get("converged") is False


def _row(card: Card) -> tuple[str, ...]:
    distance, floor = (
        card.number("metrics", "wasserstein", "mean"),
        card.number("floor", "repeats", "wasserstein", "mean"),
    )
    parameters = card.number("parameters")
    return (
        card.name,
        card.text("scheme") or "-",
        "-" if parameters is None else f"{parameters:,}",
        _number(distance) + ("!" if _diverged(card) else ""),
        _number(floor),
        _number(card.number("time_per_sample_ms")),
    )


def _number(value: float | None) -> str:
    from zoo.report.rounding import number

    return "-" if value is None else number(value)
