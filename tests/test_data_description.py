"""Descriptions of data sets: numbers against what they mean, and one line for everything that will not work."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import aimed_particles, shower

from zoo.data.unchecked import Unchecked
from zoo.detectors.detector import Detector
from zoo.detectors.focal_h import FoCalHConfig
from zoo.evaluation.description.describe import describe
from zoo.evaluation.description.embeddings import local_channels, principal
from zoo.evaluation.description.examples import examples
from zoo.evaluation.description.finding import share
from zoo.evaluation.description.importances import importances
from zoo.evaluation.description.measured import Measured
from zoo.evaluation.description.numbers import histogram
from zoo.evaluation.description.particles import SPECIES
from zoo.evaluation.metrics.diversity import MINIMUM_EVENTS
from zoo.schemes.embeddings.particle_type import ParticleTypeConfig

Arrays = tuple[np.ndarray, np.ndarray]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.evaluation.description.importances.TREES", 50)


@pytest.fixture(scope="module")
def clean(zn: Detector) -> Arrays:
    """Forty particles with fifty responses each, nothing wrong with them."""
    particles = np.repeat(aimed_particles(zn, 40), 50, axis=0)
    return np.maximum(shower(zn, particles), 1), particles


def described(arrays: Arrays, detector: Detector, *, pictures: bool = False) -> dict[str, Any]:
    return describe(Unchecked(*arrays, "mine"), detector, lambda _: None, pictures=pictures).document


def said(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(finding["kind"], finding["text"]) for finding in document["findings"]]


def test_nothing_is_said_of_clean_data(clean: Arrays, zn: Detector):
    assert said(described(clean, zn)) == []


def test_counts_species_and_columns_are_those_of_the_arrays(clean: Arrays, zn: Detector):
    counts, particles = clean
    document = described(clean, zn)
    assert document["counts"]["events"] == 2000
    assert document["counts"]["particles"] == document["counts"]["repeats"]["often"] == 40
    assert document["counts"]["repeats"]["mean"] == 50
    sums = counts.sum(axis=(1, 2), dtype=np.float64)
    assert document["photon_sum"]["mean"] == pytest.approx(sums.mean())
    assert document["counts"]["photon_sums"] == len(np.unique(sums))
    assert sum(row["events"] for row in document["species"]) == 2000
    events = [row["events"] for row in document["species"]]
    assert events == sorted(events, reverse=True)
    for row in document["species"]:
        own = particles[:, 9] == row["pdg"]
        assert row["events"] == own.sum() == 50 * row["particles"]
        assert row["photon_sum"] == pytest.approx(sums[own].mean())
        assert row["energy"] == pytest.approx(particles[own, 0].mean())
    assert list(document["columns"]) == list(zn.column_names)
    for number, column in enumerate(document["columns"].values()):
        assert sum(column["histogram"]["counts"]) == 2000
        assert column["different"] == len(np.unique(particles[:, number]))
    for channel, mask in zip(document["channels"], zn.readout, strict=True):
        assert channel["mean"] == pytest.approx(counts[:, mask].sum(axis=1).mean())
        assert sum(channel["histogram"]["counts"]) == 2000


def test_diversity_is_the_spread_between_responses_to_a_particle(clean: Arrays, zn: Detector):
    counts, particles = clean
    found = describe(Unchecked(counts, particles, "mine"), zn, lambda _: None, pictures=False)
    wanted = {
        tuple(particle): np.log1p(counts[(particles == particle).all(axis=1)].astype(float)).std(axis=0).sum()
        for particle in np.unique(particles, axis=0)
    }
    shown = {tuple(p): s for p, s in zip(found.arrays["spread_particles"], found.arrays["spread"], strict=True)}
    assert shown == pytest.approx(wanted, rel=1e-4)
    assert found.document["diversity"]["pixel"]["median"] == pytest.approx(np.median(list(wanted.values())), rel=1e-4)


def test_particles_with_few_responses_have_no_diversity(clean: Arrays, zn: Detector):
    rows = np.sort(np.concatenate([np.arange(0, 2000, 50) + repeat for repeat in range(MINIMUM_EVENTS - 1)]))
    document = described((clean[0][rows], clean[1][rows]), zn)
    assert document["diversity"] is document["importances"] is None
    assert all(row["diversity"] is None for row in document["species"])


def test_the_forest_finds_what_drives_a_diversity():
    particles = np.random.default_rng(0).normal(size=(80, 3))
    found = importances(particles, ("a", "b", "c"), np.exp(particles[:, 1]))
    assert found is not None
    assert max(found["features"], key=found["features"].get) == "b"
    assert sum(found["features"].values()) == pytest.approx(1)
    assert found["r2"] > 0.5
    assert importances(particles, ("a", "b", "c"), np.ones(80)) is None


def test_without_scikit_learn_all_else_is_there(clean: Arrays, zn: Detector, monkeypatch: pytest.MonkeyPatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "sklearn" else find(name, *a))
    rows = slice(None, None, 5)
    found = describe(Unchecked(clean[0][rows], clean[1][rows], "mine"), zn, lambda _: None, pictures=True)
    assert found.document["importances"] is None
    assert found.document["diversity"] is not None
    assert [text for text in found.document["left_out"] if "calozoo[classical]" in text]
    assert {name.split("/")[2] for name in found.arrays if name.startswith("embedding/")} <= {"PCA", "UMAP"}


def test_channel_sums_are_described_without_pixels(clean: Arrays, zn: Detector):
    counts, particles = clean
    sums = np.stack([counts[:, mask].sum(axis=1) for mask in zn.readout], axis=1)
    document, full = described((sums, particles), zn), described(clean, zn)
    assert document["channels"] == full["channels"]
    assert document["photon_sum"] == full["photon_sum"]
    assert document["diversity"]["pixel"] is None
    assert document["diversity"]["photon_sum"] == full["diversity"]["photon_sum"]
    assert document["floor"]["repeats"]["wasserstein"] == full["floor"]["repeats"]["wasserstein"]
    assert any("channel sums only" in text for _, text in said(document))


def test_principal_components_hold_the_longest_axes():
    table = np.random.default_rng(0).normal(size=(200, 3)) * (1.0, 5.0, 0.1)
    plane, explained = principal(table)
    assert abs(np.corrcoef(plane[:, 0], table[:, 1])[0, 1]) > 0.99
    assert explained[0] > explained[1]
    assert explained.sum() == pytest.approx(1, abs=0.01)


def test_quadrants_are_the_channels_that_see_a_part(zn: Detector, zp: Detector):
    assert list(local_channels(zn.readout)) == list(local_channels(zp.readout)) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("values", "scale"),
    [([0, 1, 1], "discrete"), (np.arange(50.0) - 3, "linear"), (np.geomspace(1, 1e4, 50), "log"), ([2.0], "discrete")],
)
def test_histograms_hold_every_value(values: Any, scale: str):
    found = histogram(np.array(values, dtype=np.float64))
    assert found["scale"] == scale
    assert sum(found["counts"]) == len(values)


def test_room_for_species_is_that_of_the_embedding():
    assert ParticleTypeConfig.model_fields["classes"].default == SPECIES


def test_shares_are_written_with_the_digits_they_need():
    assert share(12, 3000) == "12 of 3,000 events (0.40 %)"
    assert share(300, 300) == "300 of 300 events (100 %)"


def with_value(column: int, value: float) -> Callable[[Arrays], Arrays]:
    def change(arrays: Arrays) -> Arrays:
        particles = arrays[1].copy()
        particles[:, column] = value
        return arrays[0], particles

    return change


def at_first(value: float) -> Callable[[Arrays], Arrays]:
    def change(arrays: Arrays) -> Arrays:
        counts = arrays[0].astype(np.float32)
        counts[7, 3, 4] = value
        return counts, arrays[1]

    return change


def in_mev(arrays: Arrays) -> Arrays:
    return arrays[0], arrays[1] * (1, 1, 1, 1, 1, 1, 1, 1000, 1, 1)


def rare(arrays: Arrays) -> Arrays:
    """A species that only an event of the test split has."""
    from zoo.data.events import Events
    from zoo.data.splits import split_events

    particles = arrays[1].copy()
    particles[split_events(Events(*arrays, ""), "by-event").test[0], 9] = 3222
    return arrays[0], particles


BROKEN: dict[str, tuple[Callable[[Arrays], Arrays], str, str]] = {
    "negative": (at_first(-1), "problem", "1 of 2,000 events (0.05 %) hold negative counts, the first is event 7"),
    "NaN": (at_first(np.nan), "problem", "hold values that are not finite, the first is event 7"),
    "infinite": (at_first(np.inf), "problem", "hold values that are not finite"),
    "fractional": (at_first(1.5), "note", "1 of 2,000 events (0.05 %) hold fractional counts"),
    "other detector": (lambda a: (a[0][:, :40], a[1]), "problem", "(2000, 40, 44); ALICE ZN needs (N, 44, 44)"),
    "channel axis": (lambda a: (a[0][..., None], a[1]), "problem", "remove the axis of length 1"),
    "flat pixels": (lambda a: (a[0].reshape(2000, -1), a[1]), "problem", "the pixels have to keep their two axes"),
    "text": (lambda a: (a[0][:9].astype(str), a[1][:9]), "problem", "counts are integers or floats"),
    "a number": (lambda a: (np.array(1), a[1]), "problem", "responses have shape ()"),
    "lengths": (lambda a: (a[0], a[1][:-1]), "problem", "2,000 responses but 1,999 particles"),
    "no events": (lambda a: (a[0][:0], a[1][:0]), "problem", "no events"),
    "too few columns": (lambda a: (a[0], a[1][:, :7]), "problem", "in this order, these are missing: mass, charge"),
    "too many columns": (lambda a: (a[0], np.hstack([a[1], a[1]])), "problem", "particles have shape (2000, 20)"),
    "particle NaN": (with_value(3, np.nan), "problem", "column vz: 2,000 of 2,000 events (100 %) are not finite"),
    "no PDG": (lambda a: (a[0], a[1][:, :9]), "note", "no PDG ids"),
    "PDG of no species": (with_value(9, 0.5), "problem", "hold no whole number"),
    "many species": (lambda a: (a[0], a[1] + np.arange(2000)[:, None] * ([0] * 9 + [1])), "problem", "species; the"),
    "unseen species": (rare, "note", "never trains on: PDG 3222"),
    "constant column": (with_value(8, 0), "problem", "condition = published: condition column without variance"),
    "no energy": (with_value(0, 0), "problem", "log energy needs it positive"),
    "never arrives": (with_value(6, 0), "problem", "it never meets the front face"),
    "masses in MeV": (in_mev, "note", "masses look like MeV"),
    "kinetic energies": (lambda a: (a[0], a[1] - np.outer(a[1][:, 7], [1] + [0] * 9)), "note", "energies look kinetic"),
    "beside the face": (with_value(4, 5000.0), "note", "aim beside the front face of ALICE ZN"),
    "all empty": (lambda a: (a[0] * 0, a[1]), "problem", "all responses are empty"),
    "some empty": (
        lambda a: (a[0] * (np.arange(2000) > 9)[:, None, None], a[1]),
        "note",
        "10 of 2,000 events (0.50 %)",
    ),
    "saturated": (lambda a: (np.full_like(a[0], 255, np.uint8), a[1]), "problem", "reach 255, the most that uint8"),
    "duplicated": (lambda a: (a[0][[*range(2000), 5]], a[1][[*range(2000), 5]]), "problem", "duplicated rows: 1 of"),
    "shifted rows": (
        lambda a: (a[0][[*range(2000), 5]], a[1][[*range(2000), 1999]]),
        "problem",
        "1 of 2,001 events (0.05 %) have the response of another particle",
    ),
    "no repeats": (lambda a: (a[0][::50], a[1][::50]), "note", "no particle occurs twice in the test split"),
    "few repeats": (lambda a: (a[0][::5], a[1][::5]), "note", "responses or more in the test split"),
    "two events": (lambda a: (a[0][:2], a[1][:2]), "problem", "no default split: mine: 2 events are too few"),
    "one particle": (lambda a: (a[0][:50], a[1][:50]), "note", "data.split = by-particle cannot be used"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_will_not_work_is_said_in_one_line(
    case: str, clean: Arrays, zn: Detector, monkeypatch: pytest.MonkeyPatch
):
    change, kind, words = BROKEN[case]
    monkeypatch.setattr("zoo.evaluation.description.describe.FLOOR_EVENTS", 50)
    document = described(change(clean), zn)
    json.dumps(document, allow_nan=False)
    found = said(document)
    assert [text for of, text in found if of == kind and words in text], found
    assert not [text for _, text in found if "\n" in text]
    kinds = [of for of, _ in found]
    assert kinds == sorted(kinds, key=lambda of: of != "problem")


def test_events_that_cannot_be_used_are_left_out(clean: Arrays, zn: Detector):
    counts, particles = clean[0][:200].astype(np.float64), clean[1][:200].copy()
    counts[3], particles[9, 0] = -1, np.inf
    document = described((counts, particles), zn)
    assert document["refused"] == 2
    assert document["counts"]["events"] == 198
    assert document["photon_sum"]["minimum"] >= 0


def test_particles_are_grouped_with_their_pdg(clean: Arrays, zn: Detector):
    counts, particles = clean[0][:50], clean[1][:50].copy()
    particles[:25, 9] = 130
    assert len(Measured.of(counts, particles, zn).repeats) == 2


def test_a_detector_with_other_columns_is_described_without_quadrants_and_species():
    detector = FoCalHConfig().build()
    draw = np.random.default_rng(0)
    particles = np.column_stack([draw.uniform(20, 400, 60), draw.uniform(3.6, 5.2, 60), draw.uniform(-3, 3, 60)])
    counts = draw.poisson(1.0, (60, *detector.shape)).astype(np.uint16)
    found = describe(Unchecked(counts, particles, "mine"), detector, lambda _: None, pictures=True)
    assert not [text for kind, text in said(found.document) if kind == "problem"]
    assert list(found.document["columns"]) == ["energy", "eta", "phi"]
    assert set(found.document["embeddings"]) == {"particles"}
    assert not [name for name in found.arrays if name.startswith(("brightest", "species"))]


def test_responses_to_look_at_are_repeats_or_else_of_all_sizes(clean: Arrays, zn: Detector):
    counts, particles = clean
    shown = examples(Measured.of(counts, particles, zn))
    for place, particle in enumerate(shown["example_particles"]):
        own = counts[(particles == particle).all(axis=1)]
        np.testing.assert_allclose(shown["example_means"][place], own.mean(axis=0))
        np.testing.assert_array_equal(shown["examples"][:, place], own[: len(shown["examples"])])
    once = examples(Measured.of(counts[::50], particles[::50], zn))
    assert "example_means" not in once
    sums = once["examples"][0].sum(axis=(1, 2))
    assert list(sums) == sorted(sums)
    assert len(np.unique(sums)) == len(sums)
