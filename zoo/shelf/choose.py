"""Cards by names or patterns, as a user types them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from zoo.errors import ShelfError
from zoo.shelf.card import Card, all_cards, find_card


def choose_cards(wanted: Sequence[str], registry: Path | None = None) -> list[Card]:
    """The cards of these models, each once, in the order in which they were asked for.

    Args:
        wanted: names, or patterns with `*`, `?` or `[`; a pattern passes over cards that cannot be used.
        registry: a shelf to search first.

    Raises:
        ShelfError: there is no such model, none fits a pattern, or the card asked for cannot be used.
    """
    good = [card for card in all_cards(registry) if card.problem is None]
    chosen: dict[str, Card] = {}
    for word in wanted:
        if any(letter in word for letter in "*?["):
            fitting = [card for card in good if fnmatchcase(card.name, word)]
            if not fitting:
                raise ShelfError(f"{word}: fits none of the {len(good)} models on the shelf; `zoo list` shows them")
        else:
            fitting = [find_card(word, registry)]
        chosen |= {card.name: card for card in fitting}
    return list(chosen.values())
