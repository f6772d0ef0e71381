"""Shelves of cards without models, for what reads cards and never weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli_w

from zoo.shelf.card import SCHEMA_VERSION
from zoo.shelf.digests import file_digests

RECIPE = '# what to expect: <nothing> & "more"\ndetector = "zn"\n'


def card(name: str, **changes: Any) -> dict[str, Any]:
    """A card of a model of whole responses; tables in `changes` replace those of the card."""
    return {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "created": "2026-01-02",
        "licence": "Apache-2.0",
        "recipe": name,
        "recipe_digest": "0123456789abcdef" * 4,
        "detector": "zn",
        "scheme": "flow_matching",
        "target": "response",
        "seed": 1,
        "parameters": 12345,
        "converged": True,
        "time_per_sample_ms": 7.25,
        "device": "cpu: a processor, 2 threads",
        "stages": {"main": {"epochs": 3.0, "steps": 10, "examples_seen": 320, "seconds": 90.0}},
        "data": {"origin": "sample/zn", "events": 100, "train": 70, "validation": 10, "test": 20, "sha256": "ab" * 32},
        "metrics": {
            "wasserstein": {"mean": 4.25, "std": 0.13, "interval": [3.9, 4.6], "in_floors": 2.125},
            "mae": {"mean": 21.5, "std": 0.5, "in_floors": 1.43},
            "diversity": {"pixel": {"median": 0.91, "low": 0.8, "high": 1.1, "particles": 9}},
        },
        "floor": {
            "repeats": {"wasserstein": {"mean": 2.0, "std": 0.05}, "mae": {"mean": 15.0, "std": 0.4}},
            "random_halves": {"wasserstein": {"mean": 6.5, "std": 1.5}},
        },
        "evaluated": {"events": 20, "particles": 8, "repeats": 5},
        "timing": {
            "device": "cpu: a processor, 2 threads",
            "batch_256": {"median": 7.25, "min": 7.0, "max": 8.0, "batch": 256, "repeats": 5},
            "batch_1": {"median": 11.5, "min": 11.0, "max": 12.0, "batch": 1, "repeats": 5},
        },
        "published": {"source": "a paper, table 1 (other data)", "wasserstein": 1.27, "mae": 16.99, "time_ms": 0.46},
        "versions": {"calozoo": "0.1.0", "jax": "0.10.2"},
        "citation": {"someone2020": "@article{someone2020,\n  title = {A <b>title</b> & more}\n}"},
        "files": {},
    } | changes


def put(root: Path, table: dict[str, Any], files: dict[str, bytes] | None = None) -> None:
    """Write a card and its files onto the shelf in a folder."""
    folder = root / "checkpoints" / table["name"]
    folder.mkdir(parents=True)
    (root / "registry").mkdir(exist_ok=True)
    for name, content in ({"recipe.toml": RECIPE.encode()} | (files or {})).items():
        (folder / name).write_bytes(content)
    written = table | {"files": file_digests(folder)}
    (root / "registry" / f"{table['name']}.toml").write_text(tomli_w.dumps(written), encoding="utf-8")
