"""What a card says, drawn together from a finished run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from zoo.recipe.resolved import digest, without_none
from zoo.shelf.card import SCHEMA_VERSION
from zoo.shelf.citations import citations
from zoo.shelf.finished_run import FinishedRun

LICENCE = "Apache-2.0"
"""Of the weights, as an SPDX identifier."""

DATA_CARDS = {"sample": "zoo/data/shipped/DATASET.md"}
"""Source to the file that says what its events are."""

ABOUT = (
    "detector",
    "unit",
    "scheme",
    "target",
    "seed",
    "parameters",
    "converged",
    "reason",
    "time_per_sample_ms",
    "device",
)
MEASURED = ("metrics", "floor", "evaluated", "timing", "published")


def card_table(
    name: str,
    run: FinishedRun,
    created: str,
    ranges: Mapping[str, Sequence[float]],
    reference: Mapping[str, Any],
) -> dict[str, Any]:
    """The card of a run under a name but for the digests of its files, as plain values without None.

    Args:
        name: what the model is called on the shelf.
        run: where everything comes from.
        created: the date, ISO.
        ranges: condition column to least and greatest value among the training events.
        reference: what the card says of the reference sample.
    """
    result = run.result
    return without_none(
        {
            "schema_version": SCHEMA_VERSION,
            "name": name,
            "created": created,
            "licence": LICENCE,
            "recipe": run.name,
            "recipe_digest": result.get("recipe_digest") or digest(run.recipe),
            **{key: result.get(key) for key in ABOUT},
            "stages": {stage: _stage(summary, result) for stage, summary in (result.get("stages") or {}).items()},
            "data": {**_data(run), "ranges": ranges},
            **{key: result.get(key) for key in MEASURED},
            "reference": reference,
            "versions": _versions(run.environment),
            "citation": citations(run.recipe),
        }
    )


def _stage(summary: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """A stage's summary with the passes over the training events that it made, and the name of the run it is from."""
    train = (result.get("data") or {}).get("train")
    seen = summary.get("examples_seen")
    epochs = round(seen / train, 2) if train and seen is not None else None
    source = summary.get("taken_from")
    return {"epochs": epochs, **summary, "taken_from": source and "/".join(PurePath(source).parts[-2:])}


def _data(run: FinishedRun) -> dict[str, Any]:
    """Where the events came from; of a path only the file's name, the rest is the author's own business."""
    data = dict(run.result.get("data") or {})
    origin = PurePath(str(data.get("origin", "")))
    return {
        **data,
        "origin": origin.name if origin.is_absolute() else str(origin),
        "card": DATA_CARDS.get(run.recipe.data.component),
    }


def _versions(environment: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: environment.get(name) for name in ("calozoo", "python")}
    return own | dict(environment.get("packages") or {})
