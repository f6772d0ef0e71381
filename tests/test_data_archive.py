"""Reading arrays: what comes back, in how much memory, and one clear line for whatever is no array file."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zoo.data import archive
from zoo.data.archive import read_array
from zoo.errors import DataError

SMALL = ("u1", "u2", "i1", "i2")
WIDE = ("u4", "u8", "i4", "i8", "f2", "f4", "f8", ">f8", ">i4", ">u8")


def saved(path: Path, array: np.ndarray) -> Path:
    np.savez_compressed(path, array)
    return path


@pytest.mark.parametrize("dtype", [*SMALL, ">u2", ">i2"])
def test_small_integers_keep_their_dtype(tmp_path: Path, dtype: str):
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4).astype(dtype)
    read = read_array(saved(tmp_path / "a.npz", array))
    assert read.dtype == array.dtype.newbyteorder("=")
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("dtype", WIDE)
def test_whole_numbers_come_back_as_small_unsigned_integers(tmp_path: Path, dtype: str):
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4).astype(dtype)
    read = read_array(saved(tmp_path / "a.npz", array))
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    ("largest", "dtype"), [(65_535, "u2"), (65_536, "u4"), (2**32 - 1, "u4"), (2**32, "f4"), (2.0**40, "f4")]
)
@pytest.mark.parametrize("stored", ["f8", "i8", "u8"])
def test_the_dtype_is_the_smallest_that_holds_every_value(tmp_path: Path, largest: float, dtype: str, stored: str):
    array = np.array([[[0, 1]], [[2, largest]]]).astype(stored)
    read = read_array(saved(tmp_path / "a.npz", array))
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("values", [(0.5, 2.0), (-1.0, 2.0), (np.nan, 1.0), (np.inf, 1.0), (1e300, 1.0)])
def test_anything_else_comes_back_as_float32(tmp_path: Path, values: tuple[float, float]):
    read = read_array(saved(tmp_path / "a.npz", np.array(values).reshape(2, 1, 1)))
    assert read.dtype == np.float32
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(read.ravel(), np.float32(values))


@given(
    parts=st.lists(
        st.sampled_from([0.0, 3.0, 65_535.0, 65_536.0, 2.0**32 - 256, 2.0**32, 0.25, -2.0]), min_size=1, max_size=12
    ),
    rows=st.integers(1, 5),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_chunks_it_is_read_in_do_not_show(tmp_path: Path, parts: list[float], rows: int):
    array = np.array(parts).reshape(-1, 1, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "CHUNK_BYTES", rows * array.itemsize)
        read = read_array(saved(tmp_path / "a.npz", array))
    whole = (array >= 0).all() and (array == np.floor(array)).all() and array.max() < 2**32
    assert read.dtype == ("u2" if whole and array.max() < 2**16 else "u4" if whole else "f4")
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("dtype", ["f8", "u2"])
def test_fortran_order_and_npy_files_are_read(tmp_path: Path, dtype: str):
    array = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4).astype(dtype))
    np.save(tmp_path / "a.npy", array)
    for read in (read_array(saved(tmp_path / "a.npz", array)), read_array(tmp_path / "a.npy")):
        assert read.dtype == np.uint16
        np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("shape", [(3, 10), (4,), ()])
def test_arrays_of_few_axes_are_left_alone(tmp_path: Path, shape: tuple[int, ...]):
    array = np.ones(shape)
    read = read_array(saved(tmp_path / "a.npz", array))
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, array)


def test_the_array_is_found_by_its_key(tmp_path: Path):
    np.savez(tmp_path / "two.npz", responses=np.zeros((1, 2, 2), "u2"), particles=np.ones((1, 9)))
    assert read_array(tmp_path / "two.npz", "particles").shape == (1, 9)
    with pytest.raises(DataError, match=r"two\.npz: has no array 'arr_0'; it holds responses, particles$"):
        read_array(tmp_path / "two.npz")


@pytest.mark.parametrize("dtype", ["f8", "i8"])
def test_fifty_megabytes_of_wide_counts_are_never_in_memory(tmp_path: Path, dtype: str):
    events = 50 * 2**20 // (44 * 44 * 8)
    counts = np.zeros((events, 44, 44), "u2")
    counts[::7, 3, 4] = np.arange(len(counts[::7]))
    path = saved(tmp_path / "a.npz", counts.astype(dtype))
    tracemalloc.start()
    try:
        read = read_array(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read.dtype == np.uint16
    assert (read == counts).all()
    assert peak < counts.nbytes + 30 * 2**20


def object_array() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, np.array([{"a": 1}], dtype=object))
    return stream.getvalue()


def plain() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, np.arange(2000.0).reshape(5, 20, 20))
    return stream.getvalue()


def stored(header: bytes, body: bytes = b"") -> bytes:
    """An archive of one member with any content."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("arr_0.npy", header + body)
    return stream.getvalue()


def npy(shape: str, descr: str = "<f8") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}".encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


uncompressed = stored(npy("(2, 3, 4)"), np.arange(24.0).tobytes())

DAMAGED = {
    "pickled objects": (object_array(), "pickled Python objects"),
    "truncated zip": (plain()[:-40], "not a readable npz file"),
    "half a zip": (plain()[: len(plain()) // 2], "not a readable npz file"),
    "not a zip": (b"photons, photons, photons", "not a readable npz file"),
    "no bytes": (b"", "not a readable npz file"),
    "a flipped bit": (flipped(uncompressed, uncompressed.index(npy("(2, 3, 4)")) + 120), "not a readable npz file"),
    "too few values": (stored(npy("(2, 3, 4)"), bytes(8 * 23)), "truncated; 8 bytes are missing"),
    "a header that promises the moon": (stored(npy("(10**12, 44, 44)".replace("10**12", "1" + "0" * 12))), "truncated"),
    "a negative shape": (stored(npy("(-1, 44, 44)"), bytes(800)), "not a readable npz file"),
    "an overflowing shape": (stored(npy(f"({2**62}, 4, 4)", "|u1")), "truncated"),
    "no array inside": (stored(b"hello"), "not a readable npz file"),
    "nothing inside": (stored(b""), "not a readable npz file"),
    "a broken header": (stored(b"\x93NUMPY\x01\x00\x08\x00{'a': (\n"), "not a readable npz file"),
    "a huge header": (stored(b"\x93NUMPY\x01\x00\xff\xff" + b" " * 65535), "not a readable npz file"),
    "an unknown version": (stored(b"\x93NUMPY\x09\x09" + bytes(64)), "not a readable npz file"),
    "an unknown dtype": (stored(npy("(1,)", "<zz")), "not a readable npz file"),
}


def only_line(read: Callable[[], Any], path: Path) -> str:
    with pytest.raises(DataError) as raised:
        read()
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_gives_one_line_that_names_it(tmp_path: Path, kind: str):
    content, complaint = DAMAGED[kind]
    path = tmp_path / "data_nonrandom_responses.npz"
    path.write_bytes(content)
    assert complaint in only_line(lambda: read_array(path), path)


def test_what_is_no_file_is_said_to_be_none(tmp_path: Path):
    assert only_line(lambda: read_array(tmp_path / "a.npz"), tmp_path / "a.npz").endswith("no such file")
    assert only_line(lambda: read_array(tmp_path), tmp_path).endswith("not a file")


@given(place=st.integers(0, len(plain()) - 1), value=st.integers(0, 255), cut=st.none() | st.integers(0, len(plain())))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_gives_numbers_or_one_line(tmp_path: Path, place: int, value: int, cut: int | None):
    content = bytearray(plain())
    content[place] = value
    path = tmp_path / "a.npz"
    path.write_bytes(content[:cut])
    try:
        assert read_array(path).dtype.kind in "uf"
    except DataError:
        only_line(lambda: read_array(path), path)
