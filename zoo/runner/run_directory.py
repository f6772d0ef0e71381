"""`runs/<recipe>/<run-id>/`: where everything of one execution lives, and which one a command means."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import RunError
from zoo.recipe.load import load_recipe
from zoo.recipe.resolved import difference, digest, resolved_toml
from zoo.recipe.schema import Recipe
from zoo.runner.journal import Journal
from zoo.shelf.files import write_json, write_text

SWEEP_FILE = "sweep.toml"
"""What makes a directory that of a sweep instead of a single run."""


class RunDirectory:
    """The files of one run. It is finished when `result.json` exists."""

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.path = path
        self.recipe_file = path / "recipe.toml"
        self.environment_file = path / "environment.json"
        self.result_file = path / "result.json"
        self.log_file = path / "log.txt"
        self.plots = path / "plots"
        self.checkpoints = path / "checkpoints"
        self.journal = Journal(path / "metrics.jsonl")
        self._name = name

    @property
    def name(self) -> str:
        """The recipe's name; that of a sweep's member names the sweep as well."""
        return self._name or self._environment().get("recipe") or self.path.absolute().parent.name

    @property
    def finished(self) -> bool:
        """Whether there is a result."""
        return self.result_file.exists()

    def recipe(self) -> Recipe:
        """The resolved recipe of the run."""
        return load_recipe(self.recipe_file).recipe

    def requested(self) -> str | None:
        """Digest of the recipe the run was started with, before `--time-limit` filled in its numbers."""
        return self._environment().get("requested_digest")

    def requested_stage(self, stage: str) -> Mapping[str, Any]:
        """What was asked of a stage before the time limit, as `zoo.runner.reuse` told it."""
        return self._environment().get("requested_stages", {}).get(stage, {})

    @property
    def new(self) -> bool:
        """Whether the run was to take nothing over from others."""
        return bool(self._environment().get("new"))

    def result(self) -> dict[str, Any]:
        """The result of a finished run.

        Raises:
            RunError: the run has none yet.
        """
        if not self.finished:
            raise RunError(f"{self.path}: the run is not finished; continue it with: zoo run {self.path}")
        return json.loads(self.result_file.read_text(encoding="utf-8"))

    def create(self, recipe: Recipe, environment: dict[str, Any]) -> None:
        """Write what a run starts with; `recipe.toml` comes last, and makes it a run."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.environment_file, environment)
        write_text(self.recipe_file, resolved_toml(recipe))

    def check_data(self, sha256: str) -> None:
        """Refuse to continue on other data than the run was started with.

        Raises:
            RunError: the events differ.
        """
        known = self._environment().get("data", {}).get("sha256")
        if known not in (None, sha256):
            raise RunError(
                f"{self.path}: the data changed since the run was started (sha256 {known[:12]} -> {sha256[:12]})"
            )

    def add_seconds(self, stage: str, seconds: float) -> float:
        """Add to the training time of a stage, which may be spread over several sessions; returns the sum."""
        clock = self.checkpoints / stage / "seconds.json"
        before = json.loads(clock.read_text(encoding="utf-8")) if clock.exists() else 0.0
        write_json(clock, before + seconds)
        return before + seconds

    def save_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep what the plots are drawn from."""
        aside = self.path / ".evaluation.tmp.npz"
        np.savez_compressed(aside, allow_pickle=False, **arrays)
        aside.replace(self.path / "evaluation.npz")

    def _environment(self) -> dict[str, Any]:
        try:
            return json.loads(self.environment_file.read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            return {}


def choose(runs: Path, name: str, requested: Recipe, run_id: str | None, new: bool) -> RunDirectory:
    """The directory that `zoo run` works in: an existing run of the same recipe, or a fresh one.

    Args:
        runs: the folder of all runs.
        name: the recipe's name.
        requested: the recipe as asked for, before `--time-limit`.
        run_id: a directory name chosen by the user.
        new: never continue an existing run.

    Raises:
        RunError: an unfinished run has another recipe; the message lists the keys that differ.
    """
    folder = runs / name
    if run_id is not None:
        directory = RunDirectory(checked_folder(folder, run_id))
        if (directory.path / SWEEP_FILE).exists():
            raise RunError(f"{directory.path}: a sweep, not a single run; choose another --id")
        refuse_changed(directory, requested)
        return directory
    existing = [RunDirectory(file.parent) for file in sorted(folder.glob("*/recipe.toml"))]
    if not new:
        wanted = digest(requested)
        for directory in reversed(existing):
            if wanted in (directory.requested(), digest(directory.recipe())):
                return directory
        for directory in existing:
            if not directory.finished:
                refuse_changed(directory, requested)
    return RunDirectory(next_folder(folder))


def checked_folder(folder: Path, run_id: str) -> Path:
    """The directory of a run with a name chosen by the user.

    Raises:
        RunError: the name cannot be that of a directory.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", run_id):
        raise RunError(f"--id {run_id!r}: use letters, digits, '.', '_' and '-'")
    return folder / run_id


def next_folder(folder: Path) -> Path:
    """The directory of a new run or sweep, with the next free number."""
    taken = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
    return folder / f"{max(taken, default=0) + 1:03d}"


def refuse_changed(directory: RunDirectory, requested: Recipe) -> None:
    """Do nothing if the run was started with this recipe, or was not started.

    Raises:
        RunError: it was started with another recipe; the message lists the keys that differ.
    """
    if not directory.recipe_file.exists():
        return
    if digest(requested) not in (directory.requested(), digest(directory.recipe())):
        raise changed(directory.path, difference(directory.recipe(), requested))


def changed(path: Path, changes: Iterable[tuple[str, Any, Any]]) -> RunError:
    """What to say where a run or sweep was started with something else: (key, then, now) each."""
    lines = [
        f"{path}: this run was started with another recipe; what changed (run -> now):",
        *(f"  {key}: {_shown(old)} -> {_shown(new)}" for key, old, new in changes),
        f"continue it as it was with: zoo run {path}   or start another with --new",
    ]
    return RunError("\n".join(lines))


def _shown(value: Any) -> str:
    return "(absent)" if value is None else json.dumps(value, default=str)
