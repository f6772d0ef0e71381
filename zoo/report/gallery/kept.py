"""The files that were kept of a model, as far as they are still the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo.shelf.card import Card
from zoo.shelf.digests import sha256

RECIPE = "recipe.toml"

PICTURES: Mapping[str, str] = {
    "examples.png": "Responses to the same particles: GEANT's in the first row, generated ones below.",
    "channels.png": "How much the readout channels hold, and how often; below each the ratio of generated to GEANT.",
    "learning.png": "Losses and validation in the course of training.",
    "codebook.png": "How often every entry of the codebook is used.",
}
"""File to what it shows, in the order of the page."""


@dataclass(frozen=True)
class Kept:
    """One file of a model, or why it cannot be shown."""

    name: str
    path: Path | None
    problem: str = ""


def kept(card: Card, name: str) -> Kept:
    """A file in the folder of a model; only what has the digest of the card counts."""
    digest, path = card.table["files"].get(name), card.folder / name
    if digest is None:
        return Kept(name, None, "not kept for this model")
    if not path.is_file():
        return Kept(name, None, "missing from the shelf")
    if sha256(path) != digest:
        return Kept(name, None, "altered since it was published, so it is not shown")
    return Kept(name, path)
