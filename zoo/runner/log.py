"""`log.txt`: what a run said, for whoever was not watching."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from zoo.runner.observer import Observer

PROGRESS_SECONDS = 60.0
"""Time between two lines of progress."""


class Logged:
    """Passes everything on to another observer, and writes the gist of it to a file."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._path: Path | None = None
        self._early: list[str] = []
        self._task, self._total, self._printed = "", 0, 0.0

    def to(self, path: Path) -> None:
        """Write to this file from now on, what was said before first."""
        self._path = path
        early, self._early = self._early, []
        for line in early:
            self._append(line)

    def message(self, text: str) -> None:
        """Show and log."""
        self._observer.message(text)
        self._write(text)

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """Show and log."""
        self._observer.begin(task, total, done)
        self._task, self._total, self._printed = task, total, time.monotonic()
        self._write(f"{task}: {done}/{total}")

    def advance(self, done: int, numbers: Mapping[str, float]) -> None:
        """Show, and log now and then."""
        self._observer.advance(done, numbers)
        if done < self._total and time.monotonic() - self._printed < PROGRESS_SECONDS:
            return
        self._printed = time.monotonic()
        self._write(f"{self._task}: {done}/{self._total}  " + "  ".join(f"{k} {v:.4g}" for k, v in numbers.items()))

    def end(self) -> None:
        """Pass on."""
        self._observer.end()

    def _write(self, text: str) -> None:
        line = f"{datetime.now().isoformat(sep=' ', timespec='seconds')}  {text}\n"
        if self._path is None:
            self._early.append(line)
        else:
            self._append(line)

    def _append(self, line: str) -> None:
        assert self._path is not None
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(line)
