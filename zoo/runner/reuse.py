"""Stages that an earlier run trained already: found by digest, and taken over instead of trained again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.recipe.load import with_values
from zoo.recipe.resolved import plain
from zoo.recipe.schema import Recipe, normalised
from zoo.recipe.stage_digest import stage_digest
from zoo.runner.run_directory import RunDirectory
from zoo.shelf.files import write_json

RECORD = "stage.json"
"""In the folder of a stage that trained to a good end: its digests, and the run it was taken over from."""


@dataclass(frozen=True)
class Reuse:
    """The runs in which stages may be found, for one run on the events of a digest."""

    runs: Path | None
    """The folder of all runs; None to take over nothing."""
    directory: RunDirectory
    events: str

    def under_limit(self, requested: Recipe, seconds: float) -> tuple[Recipe, tuple[str, ...]]:
        """(the recipe with the epochs of stages that were already trained under a time limit, the names of these).

        The longest row of stages is taken that a single earlier run trained for the same request, in as much time as
        they would be given now; the whole limit is then left to the other stages.
        """
        names = list(requested.stages)
        for number in range(len(names), 0, -1):
            last = names[number - 1]
            wanted, share = stage_digest(requested, last, self.events), limit_share(requested, last, seconds)
            for folder, record in self._records(last):
                enough = record.get("limit") is None or record["limit"] >= share
                if record.get("requested") == wanted and enough:
                    taken = _trainings(folder, requested, names[:number])
                    if taken is not None:
                        return taken, tuple(names[:number])
        return requested, ()

    def take(self, recipe: Recipe, name: str) -> str | None:
        """Copy the stage from an earlier run, if it is not begun here; its weights, constants, journal and seconds.

        Returns:
            The run that trained the stage; None if it was not taken over.
        """
        folder = self.directory.checkpoints / name
        if not folder.exists():
            wanted = stage_digest(recipe, name, self.events)
            found = next((path for path, record in self._records(name) if record.get("digest") == wanted), None)
            if found is None:
                return None
            self._copy(found, folder, name)
        return _read(folder / RECORD).get("taken_from")

    def requests(self, requested: Recipe, seconds: float | None) -> dict[str, dict[str, Any]]:
        """What is asked of every stage: its digest and its part of the time limit, both before any time is taken."""
        return {
            name: {
                "requested": stage_digest(requested, name, self.events),
                "limit": None if seconds is None else limit_share(requested, name, seconds),
            }
            for name in requested.stages
        }

    def remember(self, recipe: Recipe, name: str) -> None:
        """Make a stage that came to a good end known to later runs."""
        record = self.directory.checkpoints / name / RECORD
        if not record.exists():
            digest = stage_digest(recipe, name, self.events)
            write_json(record, {"digest": digest, **self.directory.requested_stage(name)})

    def _copy(self, found: Path, folder: Path, name: str) -> None:
        """The folder last and at once: a stage is there as a whole, or trained."""
        aside = folder.with_name(f".{name}.tmp")
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(found, aside, ignore=shutil.ignore_patterns("state"))
        source = RunDirectory(found.parents[1])
        record = _read(found / RECORD)
        write_json(aside / RECORD, record | {"taken_from": record.get("taken_from") or source.path.as_posix()})
        journal = self.directory.journal
        journal.rewind(name, -1)
        journal.extend(line for line in source.journal.lines() if line["stage"] == name)
        aside.rename(folder)

    def _records(self, name: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """(folder, record) of every stage of a name in other runs, sweeps' members among them; the newest first."""
        if self.runs is None:
            return
        own = self.directory.path.resolve()
        files = [
            file
            for depth in ("*", "*/*", "*/*/*")
            for file in self.runs.glob(f"{depth}/checkpoints/{name}/{RECORD}")
            if file.parents[2].resolve() != own
        ]
        for file in sorted(files, key=lambda file: (-file.stat().st_mtime, file)):
            yield file.parent, _read(file)


def limit_share(recipe: Recipe, name: str, seconds: float) -> float:
    """About the seconds of a time limit that go to a stage."""
    shares = {each: stage.train.time_share for each, stage in recipe.stages.items() if stage.train is not None}
    return seconds * shares.get(name, 0.0) / sum(shares.values()) if shares else 0.0


def _trainings(folder: Path, requested: Recipe, names: list[str]) -> Recipe | None:
    """The recipe with the `[train]` tables that an earlier run ended up with; None if it cannot be read."""
    try:
        stages = normalised(plain(RunDirectory(folder.parents[1]).recipe()))["stages"]
        values = {
            f"stages.{name}.train.{key}": stages[name]["train"][key]
            for name in names
            if requested.stages[name].train is not None
            for key in ("epochs", "validate_every")
        }
        return with_values(requested, values)
    except (ZooError, KeyError):
        return None


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
