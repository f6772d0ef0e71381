"""The errors a user can cause: each is one clear line on the terminal and exit code 2."""

from __future__ import annotations

from collections.abc import Iterable


class ZooError(Exception):
    """Something the user can mend; the message is one line (or one line per problem)."""

    exit_code = 2


class RecipeError(ZooError):
    """A recipe that cannot be run: every problem found in it, one line each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class ComponentError(ZooError):
    """A component was asked for in a way it cannot be built: unknown name, impossible sizes."""


class DataError(ZooError):
    """A file or array that cannot be used as events."""


class RunError(ZooError):
    """A run directory that cannot be started, continued or read."""


class ShelfError(ZooError):
    """A card or checkpoint that is missing, altered or not readable."""
