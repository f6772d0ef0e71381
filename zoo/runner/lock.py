"""One process at a time in a run's directory."""

from __future__ import annotations

import fcntl
from pathlib import Path
from types import TracebackType
from typing import IO

from zoo.errors import RunError


class DirectoryLock:
    """Keeps other processes out of a directory, which is made if need be, for as long as the `with` block lasts.

    The lock goes with the process, however it ends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        """Take it.

        Raises:
            RunError: another process is working in the directory.
        """
        self._path.mkdir(parents=True, exist_ok=True)
        self._file = (self._path / ".lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise RunError(f"{self._path}: another process is working on this run") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
