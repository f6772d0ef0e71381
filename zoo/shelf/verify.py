"""Does a published model still give the responses it was published with?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from zoo.errors import ShelfError
from zoo.shelf.card import Card
from zoo.shelf.load import load
from zoo.shelf.reference import Reference, apart, generated


@dataclass(frozen=True, eq=False)
class Verification:
    """A model's reference sample beside what the model gives now."""

    card: Card
    reference: Reference
    responses: Float[np.ndarray, "R *shape"]

    @property
    def apart(self) -> Float[np.ndarray, " R"]:
        """Share of the light of every response that lies elsewhere now."""
        return apart(self.responses, self.reference.responses)

    @property
    def agreeing(self) -> int:
        """Responses within the card's tolerance."""
        return int((self.apart <= _number(self.card, "tolerance")).sum())

    @property
    def passed(self) -> bool:
        """Whether as many agree as the card asks for."""
        return self.agreeing >= _number(self.card, "agreeing")

    def save(self, path: Path) -> None:
        """Keep particles, both samples and how far they are apart, for whoever looks into it.

        Raises:
            ShelfError: the file cannot be written.
        """
        arrays = {
            "particles": self.reference.particles,
            "published": self.reference.responses,
            "now": self.responses,
            "apart": self.apart,
        }
        try:
            np.savez_compressed(path, allow_pickle=False, **arrays)
        except OSError as error:
            raise ShelfError(f"{path}: cannot be written: {error.strerror or error}") from error


def verify(card: Card) -> Verification:
    """Generate the reference sample of a model anew.

    Raises:
        ShelfError: the files are not those that were published, or the model has no reference sample.
    """
    if card.problem is not None:
        raise ShelfError(f"{card.file}: {card.problem}")
    surrogate = load(card.name, card.shelf.root)
    if "reference" not in card.table:
        raise ShelfError(f"{card.file}: no reference sample; record one with: zoo verify --record {card.name}")
    seed = int(_number(card, "seed"))
    _number(card, "tolerance")
    _number(card, "agreeing")
    reference = Reference.read(card.folder)
    if reference.responses.shape != (len(reference.particles), *surrogate.shape):
        raise ShelfError(f"{card.folder}: damaged reference sample: its shapes do not fit the model")
    particles = surrogate.checked(reference.particles, str(card.folder))
    return Verification(card, reference, generated(surrogate.model, particles, seed))


def _number(card: Card, key: str) -> float:
    value = card.number("reference", key)
    if value is None:
        raise ShelfError(f"{card.file}: damaged card: reference.{key} is missing")
    return value
