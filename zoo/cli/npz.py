"""An `.npz` of one array that is written block by block, however large it gets."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from zoo.errors import ZooError

KEY = "arr_0"


class ArrayFile:
    """Written aside; takes the place of the file when it is complete and the `with` block ends without an error."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype, *, compress: bool) -> None:
        """Open the file.

        Args:
            path: where it will be.
            shape: of the whole array.
            dtype: of the whole array.
            compress: deflate; pays for whole numbers, not for floats.

        Raises:
            ZooError: the folder cannot be written.
        """
        self._path, self._dtype = path, np.dtype(dtype)
        self._aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._left = int(np.prod(shape))
        kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        try:
            self._archive = zipfile.ZipFile(self._aside, "w", kind, allowZip64=True, compresslevel=1)
            self._stream = self._archive.open(f"{KEY}.npy", "w", force_zip64=True)
            header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(self._stream, header)
        except OSError as error:
            self._aside.unlink(missing_ok=True)
            raise self._failed(error) from error

    def write(self, block: np.ndarray) -> None:
        """Append values in C order, converted to the dtype of the file.

        Raises:
            ZooError: the disk is full, or cannot be written for another reason.
        """
        try:
            self._stream.write(np.ascontiguousarray(block, self._dtype).tobytes())
        except OSError as error:
            raise self._failed(error) from error
        self._left -= block.size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            try:
                self._stream.close()
            finally:
                self._archive.close()
            if kind is None and self._left == 0:
                self._aside.replace(self._path)
        except OSError as failure:
            if kind is None:
                raise self._failed(failure) from failure
        finally:
            self._aside.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> ZooError:
        return ZooError(f"{self._path}: cannot be written: {error.strerror or error}")
