"""An HDF5 file of one array (the extra `hdf5`)."""

from __future__ import annotations

import importlib.util
import io
import math
from pathlib import Path

import numpy as np

from zoo.cli.array_file import ArrayFile
from zoo.errors import ZooError

KEY = "responses"

CHUNK_BYTES = 1 << 20
"""Of an HDF5 chunk, about: whole responses that are compressed and read together."""


def need_h5py() -> None:
    """Say so before anything is generated.

    Raises:
        ZooError: h5py is not installed.
    """
    if importlib.util.find_spec("h5py") is None:
        raise ZooError("HDF5 files need h5py: pip install 'calozoo[hdf5]'")


class Disk(io.FileIO):
    """A file for HDF5, which does not survive a failure to write (at 2.0 it crashes the process later on).

    After the first failure everything written is lost, and HDF5 not told; whoever gave it the file has to ask.
    """

    failure: OSError | None = None

    def write(self, data) -> int:
        """Write all of it, or note why not."""
        left = memoryview(data).cast("B")
        total = len(left)
        try:
            while self.failure is None and left:
                left = left[super().write(left) :]
        except OSError as error:
            self.failure = error
        return total

    def truncate(self, size: int | None = None) -> int:
        """Set the length, or note why not."""
        try:
            if self.failure is None:
                super().truncate(size)
        except OSError as error:
            self.failure = error
        return self.tell() if size is None else size

    def check(self) -> None:
        """Tell the first failure.

        Raises:
            OSError: there was one.
        """
        if self.failure is not None:
            raise self.failure


class Hdf5File(ArrayFile):
    """The dataset `responses`."""

    def _open(self, aside: Path, compress: bool) -> None:
        import h5py

        together = max(1, CHUNK_BYTES // (math.prod(self.row) * self.dtype.itemsize))
        *outer, last = self.rows
        self._disk = Disk(aside, "w+b")
        self._file = h5py.File(self._disk, "w")
        self._data = self._file.create_dataset(
            KEY,
            self.shape,
            self.dtype,
            chunks=(*(1 for _ in outer), min(together, last), *self.row),
            compression="gzip" if compress else None,
            compression_opts=1 if compress else None,
            shuffle=compress,
        )

    def _append(self, block: np.ndarray, done: int) -> None:
        *outer, start = (int(place) for place in np.unravel_index(done, self.rows))
        self._data[(*outer, slice(start, start + len(block)))] = block
        self._disk.check()

    def _close(self) -> None:
        self._file.close()
        self._disk.close()
        self._disk.check()
