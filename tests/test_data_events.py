"""The checks that every source puts its arrays through."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.data.events import Events, check_pair, check_particles, check_responses
from zoo.detectors.detector import Detector
from zoo.errors import DataError


def complaint(check, *arguments: object) -> str:
    with pytest.raises(DataError) as raised:
        check(*arguments)
    message = str(raised.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"])
def test_counts_of_any_number_dtype_pass(zn: Detector, dtype: str):
    check_responses(np.ones((2, 44, 44), dtype), zn, "file.npz")


@pytest.mark.parametrize("shape", [(3, 44, 43), (3, 30, 56), (44, 44), (3, 44, 44, 1), (3, 5), ()])
def test_responses_of_another_shape_are_refused(zn: Detector, shape: tuple[int, ...]):
    message = complaint(check_responses, np.zeros(shape), zn, "file.npz")
    assert message == f"file.npz: responses have shape {shape}; ALICE ZN needs (N, 44, 44)"


@pytest.mark.parametrize("dtype", ["?", "c8", "S1", "U1", "O"])
def test_responses_that_are_no_numbers_are_refused(zn: Detector, dtype: str):
    assert "counts are integers or floats" in complaint(check_responses, np.zeros((1, 44, 44), dtype), zn, "file.npz")


@pytest.mark.parametrize(
    ("value", "what"),
    [(np.nan, "NaN or infinite"), (np.inf, "NaN or infinite"), (-np.inf, "NaN or infinite"), (-1, "negative")],
)
@pytest.mark.parametrize("event", [0, 3, 8_999])
def test_the_first_bad_event_is_named(zn: Detector, value: float, what: str, event: int):
    counts = np.zeros((9_000, 44, 44), np.float32)
    counts[event, 7, 9] = value
    counts[event, 8, 9] = value
    counts[-1, 0, 0] = value
    number = 2 if event < 8_999 else 3
    message = complaint(check_responses, counts, zn, "file.npz")
    assert message == f"file.npz: event {event} has {what} counts ({number} such values)"


def test_negative_integers_are_refused(zn: Detector):
    counts = np.zeros((2, 44, 44), np.int16)
    counts[1, 0, 0] = -3
    assert "event 1 has negative counts" in complaint(check_responses, counts, zn, "file.npz")


@pytest.mark.parametrize("columns", [9, 10])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
def test_particles_with_and_without_pdg_pass(zn: Detector, columns: int, dtype: str):
    check_particles(np.ones((3, columns), dtype), zn, "file.npz")


@pytest.mark.parametrize("shape", [(3, 8), (3, 11), (9,), (3, 9, 1)])
def test_particles_of_another_shape_are_refused_with_the_columns_that_are_needed(zn: Detector, shape: tuple[int, ...]):
    message = complaint(check_particles, np.zeros(shape), zn, "file.npz")
    assert message.startswith(f"file.npz: particles have shape {shape}; ALICE ZN needs (N, 9) with columns energy, vx")
    assert message.endswith("mass, charge, or one more with the PDG id")


@pytest.mark.parametrize("dtype", ["?", "c8", "U1", "O"])
def test_particles_that_are_no_numbers_are_refused(zn: Detector, dtype: str):
    assert "condition columns are numbers" in complaint(check_particles, np.zeros((1, 9), dtype), zn, "file.npz")


@pytest.mark.parametrize(("column", "name"), [(0, "energy"), (6, "pz"), (8, "charge"), (9, "pdg")])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_event_and_column_of_a_bad_particle_are_named(zn: Detector, column: int, name: str, value: float):
    particles = np.ones((5, 10))
    particles[3, column] = value
    assert complaint(check_particles, particles, zn, "file.npz") == f"file.npz: event 3 has {value} in column {name}"


def test_a_pair_has_one_length_and_it_is_not_zero():
    check_pair(np.zeros((3, 1, 1)), np.zeros((3, 9)), "file.npz")
    message = complaint(check_pair, np.zeros((3, 1, 1)), np.zeros((4, 9)), "file.npz")
    assert message == "file.npz: 3 responses but 4 particles; row i belongs to row i"
    assert complaint(check_pair, np.zeros((0, 1, 1)), np.zeros((0, 9)), "file.npz") == "file.npz: no events"


def test_rows_of_events_stay_together(zn_events: Events):
    rows = np.array([5, 2, 2])
    chosen = zn_events[rows]
    assert len(chosen) == 3
    assert chosen.origin == zn_events.origin
    np.testing.assert_array_equal(chosen.counts, zn_events.counts[rows])
    np.testing.assert_array_equal(chosen.particles, zn_events.particles[rows])
    assert len(zn_events[:7]) == 7
