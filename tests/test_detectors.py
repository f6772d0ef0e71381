"""Geometry and readout of the calorimeters, against the published tables and straight lines."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.catalogue import components
from zoo.data.events import Events
from zoo.data.sources.sample import SampleConfig
from zoo.detectors.detector import Detector
from zoo.errors import DataError

DETECTORS = {name: config().build() for name, config in components("detector").items()}


ZDCS = ["zn", "zp"]


@pytest.fixture(params=ZDCS)
def zdc(request: pytest.FixtureRequest) -> Detector:
    return DETECTORS[request.param]


@pytest.fixture(params=list(DETECTORS))
def detector(request: pytest.FixtureRequest) -> Detector:
    return DETECTORS[request.param]


def particle(detector: Detector, **columns: float) -> np.ndarray:
    """One particle (1, P) that flies along the axis but for the given columns."""
    values = dict.fromkeys(detector.column_names, 0.0) | {"energy": 100.0, "pz": 100.0} | columns
    return np.array([[values[name] for name in detector.column_names]])


def centre(detector: Detector, *, row: float = 0.0, column: float = 0.0) -> np.ndarray:
    """Pixel coordinates at a distance from the middle of the front face."""
    return (np.array(detector.shape) - 1) / 2 + np.array([row, column])


@pytest.mark.parametrize(("name", "shape", "quadrant", "odd"), [("zn", (44, 44), 242, 968), ("zp", (56, 30), 210, 840)])
def test_shapes_and_sizes_of_the_published_channels(name: str, shape: tuple[int, int], quadrant: int, odd: int):
    detector = DETECTORS[name]
    assert detector.name == name
    assert detector.shape == shape
    assert detector.readout.sum(axis=(1, 2)).tolist() == [quadrant] * 4 + [odd]


def channel_by_the_table(i: int, j: int, rows: int, columns: int) -> int:
    """The number of the channel that sums pixel (i, j), from 1, word for word from the table."""
    if (i + j) % 2 == 1:
        return 5
    if i < rows // 2:
        return 1 if j < columns // 2 else 2
    return 3 if j < columns // 2 else 4


@pytest.mark.parametrize("name", ["zn", "zp"])
def test_readout_is_that_of_the_table_pixel_by_pixel(name: str):
    detector = DETECTORS[name]
    for i in range(detector.shape[0]):
        for j in range(detector.shape[1]):
            summed_by = np.flatnonzero(detector.readout[:, i, j]) + 1
            assert summed_by.tolist() == [channel_by_the_table(i, j, *detector.shape)]


def test_channels_are_disjoint_and_cover_the_detector(detector: Detector):
    assert detector.readout.dtype == bool
    assert detector.readout.shape[1:] == detector.shape
    if len(detector.readout):
        assert (detector.readout.sum(axis=0) == 1).all()


def test_columns_have_names_units_and_meanings(detector: Detector):
    assert len(set(detector.column_names)) == len(detector.columns)
    assert all(column.name and column.unit and column.meaning for column in detector.columns)


def test_columns_of_the_zdc_are_in_the_published_order():
    for name in ("zn", "zp"):
        names = ("energy", "vx", "vy", "vz", "px", "py", "pz", "mass", "charge")
        assert DETECTORS[name].column_names == names


def test_a_column_is_found_by_name(detector: Detector):
    particles = np.arange(2.0 * len(detector.columns)).reshape(2, -1)
    for number, name in enumerate(detector.column_names):
        assert detector.column(particles, name).tolist() == [number, len(detector.columns) + number]


def test_a_particle_along_the_axis_hits_the_centre(zdc: Detector):
    for vz in (-12.0, 0.0, 7.5):
        assert zdc.impact(particle(zdc, vz=vz))[0] == pytest.approx(centre(zdc))


def test_a_shifted_vertex_shifts_the_impact_point(zdc: Detector):
    there = zdc.impact(particle(zdc, vx=3 * zdc.pitch[0], vy=-2 * zdc.pitch[1]))[0]
    assert there == pytest.approx(centre(zdc, row=3, column=-2))


def test_a_slope_is_multiplied_by_the_distance_to_the_face(zdc: Detector):
    slope = 4 * zdc.pitch[0] / zdc.face
    assert zdc.impact(particle(zdc, px=slope * 100.0))[0] == pytest.approx(centre(zdc, row=4))
    halfway = particle(zdc, px=slope * 100.0, py=-slope * 100.0, vz=zdc.face / 2)
    there = centre(zdc, row=2, column=-2 * zdc.pitch[0] / zdc.pitch[1])
    assert zdc.impact(halfway)[0] == pytest.approx(there)


def test_a_backward_particle_meets_the_mirror_face(zdc: Detector):
    slope = 4 * zdc.pitch[0] / zdc.face
    backward = particle(zdc, px=slope * 100.0, pz=-100.0, vz=0.0)
    assert zdc.impact(backward)[0] == pytest.approx(centre(zdc, row=4))


def test_a_particle_across_the_beam_has_no_finite_impact_point(zdc: Detector):
    across = jnp.asarray(particle(zdc, px=1.0, pz=0.0), jnp.float32)
    assert not np.isfinite(np.asarray(zdc.impact(across))).all()


finite = st.floats(-50, 50, allow_nan=False, width=32)


@given(
    name=st.sampled_from(ZDCS),
    vertex=st.tuples(finite, finite, finite),
    transverse=st.tuples(finite, finite),
    pz=st.floats(1, 1000) | st.floats(-1000, -1),
)
def test_the_impact_point_lies_on_the_line_and_on_the_face(name: str, vertex: Any, transverse: Any, pz: float):
    detector = DETECTORS[name]
    columns = dict(zip(("vx", "vy", "vz", "px", "py", "pz"), (*vertex, *transverse, pz), strict=True))
    row, column = detector.impact(particle(detector, **columns))[0]
    x, y = (np.array([row, column]) - centre(detector)) * detector.pitch
    flown = np.array([x, y, np.sign(pz) * detector.face]) - vertex
    momentum = np.array([*transverse, pz])
    assert flown @ momentum > 0
    assert np.linalg.norm(np.cross(flown, momentum)) <= 1e-9 * np.linalg.norm(flown) * np.linalg.norm(momentum)


def test_host_and_device_agree(zdc: Detector):
    draw = np.random.default_rng(0)
    particles = np.concatenate(
        [particle(zdc, px=x, py=y, vz=z) for x, y, z in draw.normal(0, (0.01, 0.01, 5.0), (20, 3))]
    )
    on_device = zdc.impact(jnp.asarray(particles, jnp.float32))
    np.testing.assert_allclose(np.asarray(on_device), zdc.impact(particles), rtol=1e-5)


@pytest.mark.parametrize("sample", ["zn_sample", "zp_sample"])
def test_photon_showers_of_the_shipped_data_are_where_the_line_says(sample: str, request: pytest.FixtureRequest):
    events: Events = request.getfixturevalue(sample)
    detector = DETECTORS[sample[:2]]
    photons = events.particles[:, 9] == 22
    counts, particles = events.counts[photons][:3000], events.particles[photons][:3000]
    impact = detector.impact(particles)
    # Within 6 pixels of the edge a shower is cut, and its centroid drawn inwards.
    inside = ((impact > 6) & (impact < np.array(detector.shape) - 7)).all(axis=1)
    counts, impact = counts[inside], impact[inside]
    total = counts.sum(axis=(1, 2), dtype=np.float64)
    row = counts.sum(axis=2) @ np.arange(detector.shape[0]) / total
    column = counts.sum(axis=1) @ np.arange(detector.shape[1]) / total
    away = np.stack([row, column], axis=1) - impact
    assert len(away) > 1000
    assert np.abs(away.mean(axis=0)).max() < 0.05
    assert np.quantile(np.abs(away), 0.95) < 0.75


def test_focal_is_hit_where_its_angles_say():
    detector = DETECTORS["focal_h"]
    draw = np.random.default_rng(0)
    eta, phi = draw.uniform(3.5, 5.3, 50), draw.uniform(-np.pi, np.pi, 50)
    particles = np.stack([np.full(50, 100.0), eta, phi], axis=1)
    theta = 2.0 * np.arctan(np.exp(-eta))
    radius = detector.face * np.tan(theta) / detector.pitch[0]
    expected = 52.0 + radius[:, None] * np.stack([np.cos(phi), np.sin(phi)], axis=1)
    np.testing.assert_allclose(detector.impact(particles), expected, rtol=1e-10)
    on_device = detector.impact(jnp.asarray(particles, jnp.float32))
    np.testing.assert_allclose(np.asarray(on_device), expected, rtol=1e-4)


@pytest.mark.parametrize(("dataset", "events"), [("ds1", 10_414), ("ds2", 9_538)])
def test_showers_of_the_shipped_focal_data_are_where_the_angles_say(dataset: str, events: int):
    detector = DETECTORS["focal_h"]
    sample = SampleConfig(dataset=dataset).events(detector)
    assert len(sample) == events
    counts, particles = sample.counts[:1500], sample.particles[:1500]
    total = counts.sum(axis=(1, 2), dtype=np.float64)
    row = counts.sum(axis=2) @ np.arange(105) / total
    column = counts.sum(axis=1) @ np.arange(105) / total
    # The data card: showers lie 1.05 times as far out as the face, at their mean depth.
    expected = 52.0 + 1.05 * (detector.impact(particles) - 52.0)
    away = np.stack([row, column], axis=1) - expected
    assert np.abs(np.median(away, axis=0)).max() < 0.1


def test_a_column_that_is_not_there_is_named(detector: Detector):
    with pytest.raises(DataError, match="no particle column 'spin'"):
        detector.column(np.zeros((1, len(detector.columns))), "spin")
