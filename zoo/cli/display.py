"""The live display of a run: bars and the latest numbers on a terminal, plain lines in a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from zoo.cli.numbers import in_brief, in_groups

LINE_SECONDS = 15.0
"""Time between two plain lines."""


@contextmanager
def display() -> Iterator[Bar | Lines]:
    """The observer that fits the standard error stream."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines()
        return
    with Board(console) as progress:
        yield Bar(progress)


class Board(Progress):
    """A bar with elapsed time and ETA for every task, and below them the numbers of the current one."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[brief]}"),
        )
        self.numbers: Mapping[str, float] = {}
        super().__init__(*columns, console=console)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bars, then a line for each group of numbers, cut off where the terminal ends."""
        yield from super().get_renderables()
        for line in in_groups(self.numbers):
            yield Text(f"  {line}", style="dim", no_wrap=True, overflow="ellipsis")


class Bar:
    """Shows a run on a board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._task: TaskID | None = None

    def message(self, text: str) -> None:
        """Print above the bars."""
        self._board.console.print(text, highlight=False, markup=False)

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """Add a bar."""
        self._task = self._board.add_task(task, total=total, completed=done, brief="")

    def advance(self, done: int, numbers: Mapping[str, float]) -> None:
        """Move the bar."""
        assert self._task is not None
        self._board.numbers = dict(numbers)
        self._board.update(self._task, completed=done)

    def end(self) -> None:
        """Leave the bar where it is, beside what matters of its numbers."""
        if self._task is not None:
            self._board.update(self._task, brief=in_brief(self._board.numbers))
        self._board.numbers = {}
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
        clocks = f"{_clock(spent)} elapsed, {_clock(left)} left"
        self.message("  ".join([f"{self._name}: {done}/{self._total}", clocks, *in_groups(numbers)]))

    def end(self) -> None:
        """Nothing more to say."""


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
