"""Reading one array of an `.npz` (or `.npy`) file safely and within little memory."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from zoo.errors import DataError

CHUNK_BYTES = 2**25


def read_array(path: Path, key: str = "arr_0") -> np.ndarray:
    """The array `key` of an `.npz`, or the array of an `.npy`; never unpickles.

    Float arrays that hold whole numbers come back in the smallest unsigned integer dtype that holds them,
    converted chunk by chunk: the published float64 layout of 306,780 events never exists in memory.

    Raises:
        DataError: the file is missing, truncated, not an array file, has no such key or holds pickled objects.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    try:
        if path.suffix == ".npy":
            with path.open("rb") as stream:
                return _read_stream(stream, str(path))
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            if f"{key}.npy" not in members:
                found = ", ".join(name.removesuffix(".npy") for name in members[:8]) or "nothing"
                raise DataError(f"{path}: has no array {key!r}; it holds {found}")
            with archive.open(f"{key}.npy") as stream:
                return _read_stream(stream, f"{path}[{key}]")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable npz file ({error or 'truncated'})") from error


def _read_stream(stream: IO[bytes], origin: str) -> np.ndarray:
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read_header(stream)
    if dtype.hasobject:
        raise DataError(f"{origin}: holds pickled Python objects, which are never loaded; save plain numbers")
    if fortran or not shape or dtype.kind != "f" or len(shape) < 3:
        values = np.frombuffer(_read_exactly(stream, int(np.prod(shape)) * dtype.itemsize, origin), dtype)
        return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)
    return _read_compact(stream, shape, dtype, origin)


def _read_compact(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype, origin: str) -> np.ndarray:
    """Read floats, kept as unsigned integers for as long as every value is a whole number that fits."""
    row = int(np.prod(shape[1:]))
    rows = max(1, CHUNK_BYTES // max(1, row * dtype.itemsize))
    out = np.empty(shape, np.uint16)
    for start in range(0, shape[0], rows):
        count = min(rows, shape[0] - start)
        buffer = _read_exactly(stream, count * row * dtype.itemsize, origin)
        part = np.frombuffer(buffer, dtype).reshape(count, *shape[1:])
        if out.dtype.kind == "u":
            out = _widened(out, part, filled=start)
        out[start : start + count] = part
    return out


def _widened(out: np.ndarray, part: np.ndarray, filled: int) -> np.ndarray:
    """`out` itself, or a copy of its first `filled` rows in the dtype that can also hold `part`."""
    whole = bool(np.isfinite(part).all()) and bool((part >= 0).all()) and bool((part == np.floor(part)).all())
    if whole and part.max(initial=0) <= np.iinfo(out.dtype).max:
        return out
    wide = np.empty(out.shape, np.uint32 if whole and part.max() < 2**32 else np.float32)
    wide[:filled] = out[:filled]
    return wide


def _read_exactly(stream: IO[bytes], size: int, origin: str) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise DataError(f"{origin}: truncated; {size - len(data)} bytes are missing")
    return data
