"""An `.npz` of one array."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from zoo.cli.array_file import ArrayFile

KEY = "arr_0"


class NpzFile(ArrayFile):
    """The array `arr_0`, streamed into a zip archive."""

    def _open(self, aside: Path, compress: bool) -> None:
        kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        self._archive = zipfile.ZipFile(aside, "w", kind, allowZip64=True, compresslevel=1)
        self._stream = self._archive.open(f"{KEY}.npy", "w", force_zip64=True)
        header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": self.shape}
        np.lib.format.write_array_header_1_0(self._stream, header)

    def _append(self, block: np.ndarray, done: int) -> None:
        self._stream.write(block.tobytes())

    def _close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._archive.close()
