"""`runs/<recipe>/<id>/` of a sweep: its members' run directories, and which one a command means."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.errors import RunError
from zoo.recipe.sweep import LoadedSweep, Member, changes, load_experiment
from zoo.runner.run_directory import SWEEP_FILE, RunDirectory, changed, checked_folder, next_folder
from zoo.shelf.files import write_json, write_text


class SweepDirectory:
    """The files of one sweep. It is finished when `sweep.json` exists."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sweep_file = path / SWEEP_FILE
        self.environment_file = path / "environment.json"
        self.result_file = path / "sweep.json"
        self.plot = path / "sweep.png"

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.path.absolute().parent.name

    @property
    def started(self) -> bool:
        """Whether there is anything to continue."""
        return self.sweep_file.exists()

    @property
    def finished(self) -> bool:
        """Whether there is a result."""
        return self.result_file.exists()

    def sweep(self) -> LoadedSweep:
        """The resolved sweep.

        Raises:
            RunError: `sweep.toml` is none any more.
        """
        loaded = load_experiment(self.sweep_file)
        if not isinstance(loaded, LoadedSweep):
            raise RunError(f"{self.sweep_file}: not a sweep")
        return replace(loaded, name=self.name)

    def time_limit(self) -> float | None:
        """Seconds for all members together, as the sweep was started."""
        return self._environment().get("time_limit_seconds")

    def new(self) -> bool:
        """Whether the sweep was to take nothing over from other runs."""
        return bool(self._environment().get("new"))

    def run(self, member: Member) -> RunDirectory:
        """Where a member runs."""
        return RunDirectory(self.path / member.folder, f"{self.name}/{member.folder}")

    def result(self) -> dict[str, Any]:
        """The result of a finished sweep."""
        return json.loads(self.result_file.read_text(encoding="utf-8"))

    def create(self, sweep: LoadedSweep, environment: dict[str, Any]) -> None:
        """Write what a sweep starts with; `sweep.toml` comes last, and makes it a sweep."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.environment_file, environment)
        write_text(self.sweep_file, sweep.toml())

    def _environment(self) -> dict[str, Any]:
        return json.loads(self.environment_file.read_text(encoding="utf-8"))


def choose_sweep(runs: Path, requested: LoadedSweep, run_id: str | None, new: bool) -> SweepDirectory:
    """The directory that `zoo run` works in: an existing sweep over the same recipes, or a fresh one.

    Args:
        runs: the folder of all runs.
        requested: the sweep as asked for.
        run_id: a directory name chosen by the user.
        new: never continue an existing sweep.

    Raises:
        RunError: an unfinished sweep runs other recipes; the message lists what differs.
    """
    inside = SweepDirectory(requested.path.parent)
    if inside.sweep_file == requested.path and inside.environment_file.exists():
        _refuse_changed(inside, requested)
        return inside
    folder = runs / requested.name
    if run_id is not None:
        directory = SweepDirectory(checked_folder(folder, run_id))
        if RunDirectory(directory.path).recipe_file.exists():
            raise RunError(f"{directory.path}: a single run, not a sweep; choose another --id")
        _refuse_changed(directory, requested)
        return directory
    existing = [SweepDirectory(file.parent) for file in sorted(folder.glob(f"*/{SWEEP_FILE}"))]
    if not new:
        for directory in reversed(existing):
            if directory.sweep().digest == requested.digest:
                return directory
        for directory in existing:
            if not directory.finished:
                _refuse_changed(directory, requested)
    return SweepDirectory(next_folder(folder))


def _refuse_changed(directory: SweepDirectory, requested: LoadedSweep) -> None:
    if directory.started and (old := directory.sweep()).digest != requested.digest:
        raise changed(directory.path, changes(old, requested))
