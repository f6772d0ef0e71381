"""A file of one array that is written block by block, however large it gets."""

from __future__ import annotations

import contextlib
import math
import os
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from zoo.errors import ZooError


class ArrayFile(ABC):
    """Written aside; takes the place of the file when it is complete and the `with` block ends without an error."""

    def __init__(self, path: Path, rows: tuple[int, ...], row: tuple[int, ...], dtype: np.dtype, *, compress: bool):
        """Open the file.

        Args:
            path: where it will be.
            rows: the leading axes of the whole array, over which it is written.
            row: the other axes, of which every block is a stack.
            dtype: of the whole array.
            compress: pays for whole numbers, not for floats.

        Raises:
            ZooError: the folder cannot be written.
        """
        self.rows, self.row, self.dtype = rows, row, np.dtype(dtype)
        self._path, self._done = path, 0
        self._aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            self._open(self._aside, compress)
        except OSError as error:
            self._aside.unlink(missing_ok=True)
            raise self._failed(error) from error

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole array."""
        return (*self.rows, *self.row)

    def write(self, block: np.ndarray) -> None:
        """Append rows in C order, (n, *row), converted to the dtype of the file.

        Raises:
            ZooError: the disk is full, or cannot be written for another reason.
        """
        try:
            self._append(np.ascontiguousarray(block, self.dtype), self._done)
        except OSError as error:
            raise self._failed(error) from error
        self._done += len(block)

    @abstractmethod
    def _open(self, aside: Path, compress: bool) -> None:
        """Make the file under the name it has until it is complete."""

    @abstractmethod
    def _append(self, block: np.ndarray, done: int) -> None:
        """Write rows after the `done` ones that are there; they do not reach over the end of the last leading axis."""

    @abstractmethod
    def _close(self) -> None:
        """Write what is left to be written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # After one failure there may be more on the way out, of which nobody needs to know.
            with contextlib.suppress(*(() if kind is None else (OSError, RuntimeError))):
                self._close()
            if kind is None and self._done == math.prod(self.rows):
                self._aside.replace(self._path)
        except OSError as failure:
            raise self._failed(failure) from failure
        finally:
            self._aside.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> ZooError:
        return ZooError(f"{self._path}: cannot be written: {error.strerror or error}")
