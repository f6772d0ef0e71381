"""Reading pickled arrays of others: only a file of a known digest, and of it only arrays."""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct

from zoo.errors import ComponentError

ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
"""Everything that a file may name; without these three no array can be made of it."""


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that can call nothing but what makes a NumPy array."""

    def find_class(self, module: str, name: str) -> Any:
        """One of the three admitted names.

        Raises:
            UnpicklingError: the file names something else.
        """
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return ADMITTED[module, name]


def read_arrays(path: Path, sha256: str) -> dict[str, Any]:
    """The nested mapping of arrays in a file, which is not opened as such unless its digest is the expected one.

    Raises:
        ComponentError: the file cannot be read, is another one, or holds more than arrays.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ComponentError(f"{path}: not readable ({error.strerror or error})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ComponentError(f"{path}: sha256 {found[:12]} is not the expected {sha256[:12]}; it is not read")
    try:
        return ArrayUnpickler(io.BytesIO(content)).load()
    except pickle.UnpicklingError as error:
        raise ComponentError(f"{path}: holds more than arrays ({error}); it is not read") from error
