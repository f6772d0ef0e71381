"""What a run tells whoever is watching; the terminal display lives in the CLI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Observer(Protocol):
    """Receives the progress of a run."""

    def message(self, text: str) -> None:
        """One line worth reading."""

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """A task of `total` units starts, `done` of them from before."""

    def advance(self, done: int, numbers: Mapping[str, float]) -> None:
        """The current task stands at `done`; `numbers` are the latest metrics."""

    def end(self) -> None:
        """The current task is over."""


class Silent:
    """An observer that ignores everything."""

    def message(self, text: str) -> None:
        """Ignore."""

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """Ignore."""

    def advance(self, done: int, numbers: Mapping[str, float]) -> None:
        """Ignore."""

    def end(self) -> None:
        """Ignore."""


class Prefixed:
    """Passes everything on to another observer, with a word before the name of every task."""

    def __init__(self, observer: Observer, word: str) -> None:
        self._observer, self._word = observer, word

    def message(self, text: str) -> None:
        """Pass on."""
        self._observer.message(text)

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """Pass on under the longer name."""
        self._observer.begin(f"{self._word}: {task}", total, done)

    def advance(self, done: int, numbers: Mapping[str, float]) -> None:
        """Pass on."""
        self._observer.advance(done, numbers)

    def end(self) -> None:
        """Pass on."""
        self._observer.end()
