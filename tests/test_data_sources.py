"""Sources: the published file layout in every variant, the shipped sample, and one line for every bad file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo.data.events import Events
from zoo.data.sources.npz import NpzConfig, read_particles, read_responses
from zoo.data.sources.sample import SampleConfig
from zoo.detectors.detector import Detector
from zoo.errors import DataError

PUBLISHED = "data_nonrandom"


def write(folder: Path, events: Events, prefix: str = PUBLISHED) -> Path:
    np.savez_compressed(folder / f"{prefix}_responses.npz", events.counts)
    np.savez_compressed(folder / f"{prefix}_particles.npz", events.particles)
    return folder


def npz(**table: Any) -> NpzConfig:
    return NpzConfig.model_validate({name: str(value) for name, value in table.items()})


def same(events: Events, other: Events) -> None:
    np.testing.assert_array_equal(events.counts, other.counts)
    np.testing.assert_array_equal(events.particles, other.particles)


@pytest.mark.parametrize("prefix", [PUBLISHED, "zn", "data_all_nonrandom", "my run"])
def test_a_folder_with_one_pair_is_read_whatever_its_prefix(
    tmp_path: Path, zn: Detector, zn_events: Events, prefix: str
):
    events = npz(path=write(tmp_path, zn_events, prefix)).read(zn)
    same(events, zn_events)
    assert events.origin == str(tmp_path / f"{prefix}_responses.npz")


def test_the_published_names_come_before_the_detector_before_any_other(tmp_path: Path, zn: Detector, zn_events: Events):
    write(tmp_path, zn_events[:5], "sample")
    assert len(npz(path=tmp_path).read(zn)) == 5
    write(tmp_path, zn_events[:7], "zn")
    assert len(npz(path=tmp_path).read(zn)) == 7
    write(tmp_path, zn_events[:9])
    assert len(npz(path=tmp_path).read(zn)) == 9


def test_responses_and_particles_of_different_pairs_are_never_mixed(tmp_path: Path, zn: Detector, zn_events: Events):
    write(tmp_path, zn_events[:10], "zn")
    other = zn_events[10:20]
    np.savez(tmp_path / f"{PUBLISHED}_responses.npz", other.counts)
    same(npz(path=tmp_path).read(zn), zn_events[:10])
    (tmp_path / "zn_responses.npz").unlink()
    assert "zn_particles.npz" in complaint(lambda: npz(path=tmp_path).read(zn))


def test_files_can_be_named_one_by_one(tmp_path: Path, zn: Detector, zn_events: Events):
    np.savez(tmp_path / "counts.npz", zn_events.counts)
    np.savez(tmp_path / "zn_particles.npz", zn_events.particles)
    same(npz(responses=tmp_path / "counts.npz", particles=tmp_path / "zn_particles.npz").read(zn), zn_events)
    same(npz(responses=tmp_path / "counts.npz", path=tmp_path).read(zn), zn_events)


def test_a_relative_path_is_taken_from_the_working_directory(
    tmp_path: Path, zn: Detector, zn_events: Events, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine", zn_events)
    monkeypatch.chdir(tmp_path)
    config = npz(path="mine/")
    monkeypatch.chdir("/")
    assert config.model_dump()["path"] == str(tmp_path / "mine")
    same(config.read(zn), zn_events)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "i8", "u8", "f4", "f8", ">f4", ">i8"])
def test_counts_of_any_dtype_give_the_same_events(tmp_path: Path, zn: Detector, zn_events: Events, dtype: str):
    counts = np.minimum(zn_events.counts, 100).astype(dtype)
    same(
        npz(path=write(tmp_path, Events(counts, zn_events.particles, ""))).read(zn),
        Events(counts, zn_events.particles, ""),
    )


@pytest.mark.parametrize("columns", [9, 10])
@pytest.mark.parametrize("dtype", ["f4", "f8", ">f8"])
def test_particles_become_float64_with_or_without_pdg(
    tmp_path: Path, zn: Detector, zn_events: Events, columns: int, dtype: str
):
    particles = zn_events.particles[:, :columns].astype(dtype)
    read = npz(path=write(tmp_path, Events(zn_events.counts, particles, ""))).read(zn)
    assert read.particles.dtype == np.float64
    assert read.particles.dtype.isnative
    np.testing.assert_array_equal(read.particles, particles)


def test_vertices_in_metres_are_turned_into_centimetres(tmp_path: Path, zn: Detector, zn_events: Events):
    metres = zn_events.particles.copy()
    metres[:, 1:4] /= 100.0
    write(tmp_path, Events(zn_events.counts, metres, ""))
    np.testing.assert_allclose(npz(path=tmp_path, vertex_unit="m").read(zn).particles, zn_events.particles)
    np.testing.assert_array_equal(npz(path=tmp_path, vertex_unit="cm").read(zn).particles, metres)


def test_limit_takes_the_first_events(tmp_path: Path, zn: Detector, zn_events: Events):
    write(tmp_path, zn_events)
    for limit, expected in ((7, 7), (10**6, len(zn_events))):
        config = NpzConfig.model_validate({"path": str(tmp_path), "limit": limit})
        same(config.events(zn), zn_events[:expected])


def complaint(read: Callable[[], Any]) -> str:
    with pytest.raises(DataError) as raised:
        read()
    message = str(raised.value)
    assert "\n" not in message
    return message


def changed(array: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    array = array.astype(np.float64)
    array[place] = value
    return array


BAD = {
    "responses of another detector": ("responses", lambda r, p: r[:, :30], "responses have shape (60, 30, 44)"),
    "responses with a channel axis": ("responses", lambda r, p: r[..., None], "responses have shape (60, 44, 44, 1)"),
    "channel sums": ("responses", lambda r, p: np.ones((60, 5)), "responses have shape (60, 5)"),
    "NaN": ("responses", lambda r, p: changed(r, (12, 3, 4), np.nan), "event 12 has NaN or infinite counts"),
    "infinity": ("responses", lambda r, p: changed(r, (59, 3, 4), np.inf), "event 59 has NaN or infinite counts"),
    "more than float32": ("responses", lambda r, p: changed(r, (2, 3, 4), 1e300), "event 2 has NaN or infinite counts"),
    "negative": ("responses", lambda r, p: changed(r, (7, 3, 4), -1.0), "event 7 has negative counts"),
    "negative integers": ("responses", lambda r, p: changed(r, (7, 3, 4), -1).astype("i8"), "event 7 has negative"),
    "bools": ("responses", lambda r, p: r > 0, "dtype bool"),
    "complex": ("responses", lambda r, p: r + 0j, "dtype complex128"),
    "text": ("responses", lambda r, p: r.astype("U5"), "dtype <U5"),
    "responses as objects": ("responses", lambda r, p: r.astype(object), "pickled Python objects"),
    "fewer responses": ("responses", lambda r, p: r[:-1], "59 responses but 60 particles"),
    "no responses": ("responses", lambda r, p: r[:0], "0 responses but 60 particles"),
    "fewer particles": ("particles", lambda r, p: p[:-2], "60 responses but 58 particles"),
    "too few columns": ("particles", lambda r, p: p[:, :8], "particles have shape (60, 8)"),
    "too many columns": ("particles", lambda r, p: np.hstack([p, p]), "particles have shape (60, 20)"),
    "transposed": ("particles", lambda r, p: p.T, "particles have shape (10, 60)"),
    "a NaN particle": ("particles", lambda r, p: changed(p, (5, 6), np.nan), "event 5 has nan in column pz"),
    "an infinite particle": (
        "particles",
        lambda r, p: changed(p, (6, 0), -np.inf),
        "event 6 has -inf in column energy",
    ),
    "a NaN id": ("particles", lambda r, p: changed(p, (7, 9), np.nan), "event 7 has nan in column pdg"),
    "particles as objects": ("particles", lambda r, p: p.astype(object), "pickled Python objects"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_arrays_give_one_line_with_file_and_place(tmp_path: Path, zn: Detector, zn_events: Events, kind: str):
    name, change, expected = BAD[kind]
    write(tmp_path, zn_events)
    np.savez(tmp_path / f"{PUBLISHED}_{name}.npz", change(zn_events.counts, zn_events.particles))
    message = complaint(lambda: npz(path=tmp_path).read(zn))
    assert expected in message
    assert message.startswith(str(tmp_path / PUBLISHED))


@pytest.mark.parametrize("name", ["responses", "particles"])
@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "not a readable npz file"),
        (lambda path: path.write_bytes(b"no zip at all"), "not a readable npz file"),
        (lambda path: path.write_bytes(b""), "not a readable npz file"),
        (lambda path: np.savez(path, counts=np.zeros(3)), "has no array 'arr_0'; it holds counts"),
        (lambda path: np.savez(path), "has no array 'arr_0'; it holds nothing"),
    ],
    ids=["truncated", "not a zip", "empty", "other key", "no arrays"],
)
def test_damaged_files_give_one_line_with_the_file(
    tmp_path: Path, zn: Detector, zn_events: Events, name: str, damage: Callable[[Path], Any], expected: str
):
    write(tmp_path, zn_events)
    path = tmp_path / f"{PUBLISHED}_{name}.npz"
    damage(path)
    message = complaint(lambda: npz(path=tmp_path).read(zn))
    assert message.startswith(str(path))
    assert expected in message


def test_no_events_at_all_are_said_to_be_none(tmp_path: Path, zn: Detector, zn_events: Events):
    assert complaint(lambda: npz(path=write(tmp_path, zn_events[:0])).read(zn)).endswith("no events")


def test_missing_files_and_folders_are_named(tmp_path: Path, zn: Detector, zn_events: Events):
    assert "needs data.path (a folder) or data.particles (a file)" in complaint(lambda: npz(responses="a.npz").read(zn))
    assert "needs data.path" in complaint(lambda: npz().read(zn))
    gone = tmp_path / "gone"
    assert complaint(lambda: npz(path=gone).read(zn)) == f"data.path = {str(gone)!r}: no such folder"
    assert "found none" in complaint(lambda: npz(path=tmp_path).read(zn))
    write(tmp_path, zn_events, "a")
    write(tmp_path, zn_events, "b")
    message = complaint(lambda: npz(path=tmp_path).read(zn))
    assert "found a_particles.npz, a_responses.npz, b_particles.npz, b_responses.npz" in message
    lost = tmp_path / "lost.npz"
    assert complaint(lambda: npz(path=write(tmp_path, zn_events), responses=lost).read(zn)) == f"{lost}: no such file"
    assert complaint(lambda: npz(path=tmp_path, responses=tmp_path).read(zn)) == f"{tmp_path}: not a file"


def test_a_file_that_may_not_be_read_gives_one_line(
    tmp_path: Path, zn: Detector, zn_events: Events, monkeypatch: pytest.MonkeyPatch
):
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    write(tmp_path, zn_events)
    monkeypatch.setattr("zipfile.ZipFile", refuse)
    message = complaint(lambda: npz(path=tmp_path).read(zn))
    assert message.startswith(str(tmp_path))
    assert "Permission denied" in message


def test_single_files_are_read_and_checked_alone(tmp_path: Path, zn: Detector, zn_events: Events):
    write(tmp_path, zn_events)
    counts = read_responses(tmp_path / f"{PUBLISHED}_responses.npz", zn)
    particles = read_particles(tmp_path / f"{PUBLISHED}_particles.npz", zn)
    same(Events(counts, particles, ""), zn_events)
    assert "responses have shape" in complaint(lambda: read_responses(tmp_path / f"{PUBLISHED}_particles.npz", zn))
    assert "particles have shape" in complaint(lambda: read_particles(tmp_path / f"{PUBLISHED}_responses.npz", zn))


@pytest.mark.parametrize(("fixture", "events", "particles"), [("zn_sample", 21_124, 425), ("zp_sample", 14_472, 426)])
def test_the_shipped_sample_is_that_of_its_data_card(
    request: pytest.FixtureRequest, fixture: str, events: int, particles: int
):
    sample: Events = request.getfixturevalue(fixture)
    assert len(sample) == events
    assert sample.origin == f"sample/{fixture[:2]}"
    assert sample.counts.dtype == np.uint16
    assert sample.particles.dtype == np.float64
    assert len(np.unique(sample.particles, axis=0)) == particles
    assert sample.counts.sum(axis=(1, 2)).min() >= 10
    energy, mass = sample.particles[:, 0], sample.particles[:, 7]
    momentum = np.linalg.norm(sample.particles[:, 4:7], axis=1)
    np.testing.assert_allclose(np.hypot(momentum, mass), energy, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "dataset", "said"),
    [
        ("toy", None, "no sample is shipped for toy; there is one for focal_h, zn, zp"),
        ("focal_h", None, "samples of focal_h are shipped as dataset = 'ds1' or 'ds2'; none is named"),
        ("focal_h", "ds3", "samples of focal_h are shipped as dataset = 'ds1' or 'ds2'; 'ds3' is not one of them"),
        ("zn", "ds1", "there is one sample of zn; leave out dataset = 'ds1'"),
    ],
)
def test_a_sample_that_is_not_shipped_says_which_are(zn: Detector, name: str, dataset: str | None, said: str):
    message = complaint(lambda: SampleConfig(dataset=dataset).read(replace(zn, name=name)))
    assert message == f"data: {said}"
