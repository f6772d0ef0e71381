"""Models that were published under an older schema, brought into today's form."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ShelfError
from zoo.shelf.card import SCHEMA_VERSION, Card
from zoo.shelf.citations import citations
from zoo.shelf.load import load
from zoo.shelf.model_folder import stored_contents, write_model
from zoo.shelf.publish import place
from zoo.shelf.reference import SEED, generated
from zoo.shelf.trained_on import trained_on


def renew(card: Card) -> Card:
    """Give a model of schema 1 what later ones have: a reference sample, the range of its training, smaller files.

    What was measured stays as it is. The model has to give the same responses, bit by bit, before and after.

    Raises:
        ShelfError: it has a reference sample already, its files are not those that were published, the events that it
            was trained on are gone, it would give other responses, or the shelf cannot be written.
    """
    if "reference" in card.table:
        raise ShelfError(f"{card.file}: {card.name} has its reference sample already")
    surrogate = load(card.name, card.shelf.root)
    events = trained_on(surrogate.recipe, card.text("data", "sha256"))
    expected = generated(surrogate.model, events.tried, SEED)

    def fill(folder: Path) -> Mapping[str, Any]:
        contents = stored_contents(card.folder, surrogate.recipe, surrogate.model)
        reference = write_model(folder, contents, events.tried)
        if not np.array_equal(reference.responses, expected):
            raise ShelfError(f"{card.file}: {card.name} would give other responses than before; it is left as it was")
        return {
            **card.table,
            "schema_version": SCHEMA_VERSION,
            "unit": surrogate.detector.unit,
            "data": {**card.table["data"], "ranges": events.ranges},
            "reference": reference.about(),
            "citation": citations(surrogate.recipe),
        }

    return place(card.shelf, card.name, fill)
