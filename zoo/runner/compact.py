"""Published models in half the space: shorter weights, measured again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.errors import ShelfError
from zoo.recipe.resolved import without_none
from zoo.report.rounding import number
from zoo.runner.observer import Observer
from zoo.runner.remeasure import Remeasured, beside, measured
from zoo.shelf.card import Card
from zoo.shelf.load import load
from zoo.shelf.model_folder import stored_contents, write_model
from zoo.shelf.publish import place
from zoo.shelf.short import MANTISSA_BITS, shortened
from zoo.shelf.surrogate import Surrogate
from zoo.shelf.trained_on import trained_on


def compact(card: Card, observer: Observer) -> tuple[Card, list[Remeasured]]:
    """Shorten the weights of a published model; its card then tells the metrics of the shorter ones.

    Metrics, floors and the reference sample are made anew. Times stay, and so does what the card says of single stages.

    Returns:
        the new card, and every metric before and after.

    Raises:
        ShelfError: the weights are short already, a metric would be another number, the model's files are not those
            that were published, its events are gone, or the shelf cannot be written; the model is then left as it was.
        Interrupted: a signal asked to stop.
    """
    bits = card.number("weights", "mantissa_bits")
    if bits is not None and bits <= MANTISSA_BITS:
        raise ShelfError(f"{card.file}: the weights of {card.name} are short already")
    exact = load(card.name, card.shelf.root)
    short = Surrogate(exact.name, exact.recipe, shortened(exact.model), exact.about)
    found = measured(short, observer)
    compared = beside(card.table["metrics"], found["metrics"])
    for each in compared:
        if not each.agrees:
            raise ShelfError(
                f"{card.file}: {card.name} is left as it was: with shorter weights its {each.name} would be "
                f"{number(each.now, 4)} in place of {number(each.published, 4)}"
            )
    events = trained_on(exact.recipe, card.text("data", "sha256"))

    def fill(folder: Path) -> Mapping[str, Any]:
        reference = write_model(folder, stored_contents(card.folder, exact.recipe, short.model), events.tried)
        return {
            **card.table,
            "weights": {"mantissa_bits": MANTISSA_BITS},
            "metrics": without_none(found["metrics"]),
            "floor": without_none(found["floor"]),
            "reference": reference.about(),
        }

    return place(card.shelf, card.name, fill), compared
