"""`runs/<recipe>/<run-id>/`: where everything of one execution lives, and which one a command means."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from zoo.errors import RunError
from zoo.recipe.load import load_recipe
from zoo.recipe.resolved import difference, digest, resolved_toml
from zoo.recipe.schema import Recipe
from zoo.runner.journal import Journal
from zoo.shelf.files import write_json, write_text


class RunDirectory:
    """The files of one run. It is finished when `result.json` exists."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe_file = path / "recipe.toml"
        self.environment_file = path / "environment.json"
        self.result_file = path / "result.json"
        self.log_file = path / "log.txt"
        self.plots = path / "plots"
        self.checkpoints = path / "checkpoints"
        self.journal = Journal(path / "metrics.jsonl")
        self._lock: IO[str] | None = None

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.path.parent.name

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

    def lock(self) -> None:
        """Keep other processes out for as long as this one lives.

        Raises:
            RunError: another process is working in the directory.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = (self.path / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"{self.path}: another process is working on this run") from error

    def unlock(self) -> None:
        """Let others in."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

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
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", run_id):
            raise RunError(f"--id {run_id!r}: use letters, digits, '.', '_' and '-'")
        directory = RunDirectory(folder / run_id)
        if directory.recipe_file.exists():
            _refuse_changed(directory, requested)
        return directory
    existing = [RunDirectory(file.parent) for file in sorted(folder.glob("*/recipe.toml"))]
    if not new:
        wanted = digest(requested)
        for directory in reversed(existing):
            if wanted in (directory.requested(), digest(directory.recipe())):
                return directory
        for directory in existing:
            if not directory.finished:
                _refuse_changed(directory, requested)
    taken = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
    return RunDirectory(folder / f"{max(taken, default=0) + 1:03d}")


def _refuse_changed(directory: RunDirectory, requested: Recipe) -> None:
    if digest(requested) in (directory.requested(), digest(directory.recipe())):
        return
    changes = [
        f"  {key}: {_shown(old)} -> {_shown(new)}" for key, old, new in difference(directory.recipe(), requested)
    ]
    raise RunError(
        "\n".join(
            [
                f"{directory.path}: this run was started with another recipe; what changed (run -> now):",
                *changes,
                f"continue it as it was with: zoo run {directory.path}   or start another with --new",
            ]
        )
    )


def _shown(value: Any) -> str:
    return "(absent)" if value is None else json.dumps(value, default=str)
