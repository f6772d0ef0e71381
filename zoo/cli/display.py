"""The live display of a run: a progress bar on a terminal, plain lines in a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINE_SECONDS = 15.0
"""Time between two plain lines."""


@contextmanager
def display() -> Iterator[Bar | Lines]:
    """The observer that fits the standard error stream."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[numbers]}"),
    )
    with Progress(*columns, console=console) as progress:
        yield Bar(progress)


class Bar:
    """A bar with elapsed time and ETA for every task."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def message(self, text: str) -> None:
        """Print above the bars."""
        self._progress.console.print(text, highlight=False, markup=False)

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """Add a bar."""
        self._task = self._progress.add_task(task, total=total, completed=done, numbers="")

    def advance(self, done: int, numbers: Mapping[str, float]) -> None:
        """Move the bar."""
        assert self._task is not None
        self._progress.update(self._task, completed=done, numbers=_short(numbers))

    def end(self) -> None:
        """Leave the bar where it is."""
        self._task = None


class Lines:
    """A line every few seconds, for logs of batch systems."""

    def __init__(self) -> None:
        self._name, self._total, self._first, self._begun, self._printed = "", 0, 0, 0.0, 0.0

    def message(self, text: str) -> None:
        """Print at once."""
        print(text, file=sys.stderr, flush=True)

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """Note when the task began."""
        self._name, self._total, self._first = task, total, done
        self._begun = self._printed = time.monotonic()
        self.message(f"{task}: {done}/{total}")

    def advance(self, done: int, numbers: Mapping[str, float]) -> None:
        """Print if the last line is old enough, or the task complete."""
        now = time.monotonic()
        if done < self._total and now - self._printed < LINE_SECONDS:
            return
        self._printed = now
        spent = now - self._begun
        left = spent / max(1, done - self._first) * (self._total - done)
        self.message(
            f"{self._name}: {done}/{self._total}  {_clock(spent)} elapsed, {_clock(left)} left  {_short(numbers)}"
        )

    def end(self) -> None:
        """Nothing more to say."""


def _short(numbers: Mapping[str, float]) -> str:
    hidden = [name for name in numbers if name.endswith("gradient_norm")]
    return "  ".join(f"{name} {value:.4g}" for name, value in numbers.items() if name not in hidden)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
