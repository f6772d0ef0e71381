"""From a finished run to a model on the shelf."""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from zoo.errors import ShelfError
from zoo.shelf.card import Card, read_card
from zoo.shelf.digests import file_digests
from zoo.shelf.files import replace_folder, write_text
from zoo.shelf.finished_run import RECIPE, FinishedRun
from zoo.shelf.model_folder import Contents, write_model
from zoo.shelf.names import check_name
from zoo.shelf.record import card_table
from zoo.shelf.shelves import Shelf
from zoo.shelf.trained_on import trained_on

PLOTS = ("examples.png", "channels.png", "learning.png", "codebook.png")

JOURNAL = "metrics.jsonl"


def publish(run: FinishedRun, shelf: Shelf, name: str, *, force: bool = False) -> Card:
    """Write the checkpoint, then the card; a model is there with its card or not at all.

    Args:
        run: the run to publish.
        shelf: where; its folders are made if need be.
        name: what the model is called there.
        force: replace a model of that name; publish a run that diverged (its card says so).

    Raises:
        ShelfError: the name cannot be used or is taken, the run diverged, its events are gone, the shelf cannot be
            written.
        RunError: the run lacks what is to be published.
    """
    check_name(name)
    if not force:
        _refuse(run, shelf, name)
    if run.result.get("metrics") is None:
        raise ShelfError(
            f"{run.path}: there is no evaluated model to publish ({run.result.get('reason') or 'no metrics'})"
        )
    events = trained_on(run.recipe, (run.result.get("data") or {}).get("sha256"))

    def fill(folder: Path) -> Mapping[str, Any]:
        extras = [*(run.path / "plots" / plot for plot in PLOTS), run.path / JOURNAL]
        contents = Contents(run.recipe, run.path / RECIPE, run.constants(), run.model(), extras)
        reference = write_model(folder, contents, events.tried)
        return card_table(name, run, datetime.date.today().isoformat(), events.ranges, reference.about())

    return place(shelf, name, fill)


def place(shelf: Shelf, name: str, fill: Callable[[Path], Mapping[str, Any]]) -> Card:
    """Put a model on a shelf, in the place of one of the same name.

    Args:
        shelf: where.
        name: of the model.
        fill: writes the model's files into the folder it is given, and returns the card but for their digests.

    Raises:
        ShelfError: the shelf cannot be written.
    """
    folder = shelf.folder(name)
    aside = folder.with_name(f".{name}.{os.getpid()}.tmp")
    try:
        shelf.registry.mkdir(parents=True, exist_ok=True)
        shelf.checkpoints.mkdir(parents=True, exist_ok=True)
        aside.mkdir()
        table = {**fill(aside), "files": file_digests(aside)}
        replace_folder(folder, aside)
        write_text(shelf.card_file(name), tomli_w.dumps(table, multiline_strings=True))
    except OSError as error:
        raise ShelfError(f"{shelf.root}: the model cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return read_card(shelf, name)


def _refuse(run: FinishedRun, shelf: Shelf, name: str) -> None:
    if shelf.card_file(name).exists() or shelf.folder(name).exists():
        raise ShelfError(f"{shelf.card_file(name)}: {name!r} is taken; choose another name, or replace it with --force")
    if not run.result.get("converged"):
        reason = run.result.get("reason") or "no finite responses"
        raise ShelfError(f"{run.path}: the run did not converge ({reason}); publish it nevertheless with --force")
