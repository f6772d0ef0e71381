"""Reading one array of an `.npz` (or `.npy`) file safely and within little memory."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from zoo.errors import DataError

CHUNK_BYTES = 2**23
"""Bytes of the file that are held at once while they are converted."""


def read_array(path: Path, key: str = "arr_0") -> np.ndarray:
    """The array `key` of an `.npz`, or the array of an `.npy`, in native byte order; never unpickles.

    Arrays of three or more axes that hold whole, non-negative numbers in a float or wide integer dtype come back in
    the smallest unsigned dtype (16 or 32 bits) that holds them, other such arrays as float32. They are converted
    chunk by chunk: the published float64 layout of 306,780 events never exists in memory.

    Raises:
        DataError: the file is missing, truncated, not an array file, has no such key or holds pickled objects.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    try:
        if path.suffix == ".npy":
            with path.open("rb") as stream:
                return _read_stream(stream, path.stat().st_size, str(path))
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            if f"{key}.npy" not in members:
                found = ", ".join(name.removesuffix(".npy") for name in members[:8]) or "nothing"
                raise DataError(f"{path}: has no array {key!r}; it holds {found}")
            with archive.open(f"{key}.npy") as stream:
                return _read_stream(stream, archive.getinfo(f"{key}.npy").file_size, f"{path}[{key}]")
    except DataError:
        raise
    except Exception as error:
        # What a damaged file makes zipfile, the decompressors and NumPy's header parser raise is no closed list.
        reason = " ".join(str(error).split()) or "truncated"
        raise DataError(f"{path}: not a readable {path.suffix.removeprefix('.') or 'npz'} file ({reason})") from error


def _read_stream(stream: IO[bytes], size: int, origin: str) -> np.ndarray:
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read_header(stream)
    if dtype.hasobject:
        raise DataError(f"{origin}: holds pickled Python objects, which are never loaded; save plain numbers")
    # Before anything is allocated: a damaged header may announce any size.
    missing = math.prod(shape) * dtype.itemsize - (size - stream.tell())
    if missing > 0:
        raise DataError(f"{origin}: truncated; {missing} bytes are missing")
    stored = shape[::-1] if fortran else shape
    parts = _parts(stream, stored or (1,), dtype, origin)
    wide = dtype.kind == "f" or (dtype.kind in "iu" and dtype.itemsize > 2)
    values = _compact(parts, stored) if wide and len(shape) >= 3 else _as_stored(parts, stored or (1,), dtype)
    return values.T if fortran else values.reshape(shape)


def _parts(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype, origin: str) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, rows from there on), a chunk of the file at a time."""
    row = math.prod(shape[1:])
    rows = max(1, CHUNK_BYTES // max(1, row * dtype.itemsize))
    for start in range(0, shape[0], rows):
        count = min(rows, shape[0] - start)
        data = stream.read(count * row * dtype.itemsize)
        if len(data) != count * row * dtype.itemsize:
            raise DataError(f"{origin}: truncated; the data end in row {start + len(data) // (row * dtype.itemsize)}")
        yield start, np.frombuffer(data, dtype).reshape(count, *shape[1:])


def _as_stored(parts: Iterator[tuple[int, np.ndarray]], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """The values in the dtype of the file, in native byte order."""
    out = np.empty(shape, dtype.newbyteorder("="))
    for start, part in parts:
        out[start : start + len(part)] = part
    return out


def _compact(parts: Iterator[tuple[int, np.ndarray]], shape: tuple[int, ...]) -> np.ndarray:
    """The values as unsigned integers for as long as every one is a whole number that fits, else as float32."""
    out = np.empty(shape, np.uint16)
    for start, part in parts:
        if out.dtype.kind == "u":
            out = _widened(out, part, filled=start)
        # What float32 cannot hold becomes infinite, and is refused as such by the checks of the events.
        with np.errstate(over="ignore"):
            out[start : start + len(part)] = part
    return out


def _widened(out: np.ndarray, part: np.ndarray, filled: int) -> np.ndarray:
    """`out` itself, or a copy of its first `filled` rows in the dtype that can also hold `part`."""
    whole = bool(np.isfinite(part).all()) and bool((part >= 0).all()) and bool((part == np.floor(part)).all())
    largest = part.max(initial=0).item()
    if whole and largest <= np.iinfo(out.dtype).max:
        return out
    wide = np.empty(out.shape, np.uint32 if whole and largest < 2**32 else np.float32)
    wide[:filled] = out[:filled]
    return wide
