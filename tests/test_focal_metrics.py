"""The metrics of the FoCal paper: against loops and scipy, for dark responses, and in the protocol."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError
from scipy.stats import wasserstein_distance

from zoo.architectures.pretrained import vgg16
from zoo.detectors.detector import Detector
from zoo.detectors.focal_h import FoCalHConfig
from zoo.errors import ComponentError
from zoo.evaluation.metrics.energies import JointWassersteinConfig, TotalWassersteinConfig, standardised
from zoo.evaluation.metrics.lpips import LPIPSMetricConfig
from zoo.evaluation.metrics.metric import PairMetric, build_metrics
from zoo.evaluation.metrics.pixels import PixelMAEConfig
from zoo.evaluation.metrics.positional import PositionalConfig
from zoo.evaluation.metrics.profiles import WassSumPositionsConfig, WassSumValuesConfig
from zoo.evaluation.protocol import evaluate_arrays
from zoo.recipe.schema import PublishedConfig
from zoo.report.tables import result_table

PAIRS = {
    "wass_sum_values": WassSumValuesConfig,
    "wass_sum_positions": WassSumPositionsConfig,
    "pixel_mae": PixelMAEConfig,
}
SETS = {
    "positional": PositionalConfig,
    "total_wasserstein": TotalWassersteinConfig,
    "joint_wasserstein": JointWassersteinConfig,
}
ALL = PAIRS | SETS
EVENTS = 8

Images = np.ndarray
images = arrays(np.uint16, (EVENTS, 3, 5), elements=st.integers(0, 40) | st.just(0))


@pytest.fixture(scope="module")
def focal() -> Detector:
    return FoCalHConfig().build()


def particles(number: int = EVENTS, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    phi = draw.uniform(-np.pi, np.pi, number)
    return np.stack([draw.lognormal(4, 1, number), draw.uniform(3.6, 5.2, number), phi], axis=1)


def profiles(image: np.ndarray) -> list[np.ndarray]:
    return [image.sum(axis=axis).astype(float) for axis in (0, 1)]


def values_by_scipy(one: np.ndarray, other: np.ndarray) -> float:
    return sum(wasserstein_distance(a, b) for a, b in zip(profiles(one), profiles(other), strict=True))


def positions_by_scipy(one: np.ndarray, other: np.ndarray) -> float:
    """A profile without signal is flat."""
    pairs = zip(profiles(one), profiles(other), strict=True)
    flat = [[a if a.any() else np.ones_like(a) for a in pair] for pair in pairs]
    return sum(wasserstein_distance(np.arange(len(a)), np.arange(len(b)), a, b) for a, b in flat)


def pixels_by_loop(one: np.ndarray, other: np.ndarray) -> float:
    return sum(abs(float(a) - float(b)) for a, b in zip(one.ravel(), other.ravel(), strict=True))


ORACLES = {"wass_sum_values": values_by_scipy, "wass_sum_positions": positions_by_scipy, "pixel_mae": pixels_by_loop}


def pair_metric(name: str) -> PairMetric:
    metric = PAIRS[name]().build(FoCalHConfig().build())
    assert isinstance(metric, PairMetric)
    return metric


@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=25)
@given(first=images, second=images)
def test_distances_of_pairs_are_those_of_scipy(name: str, first: Images, second: Images):
    expected = [ORACLES[name](one, other) for one, other in zip(first, second, strict=True)]
    metric = pair_metric(name)
    np.testing.assert_allclose(metric(first, second), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(metric(second, first), expected, rtol=1e-9, atol=1e-9)
    assert np.all(metric(first, first) == 0)


def test_the_candidates_for_the_sum_of_wasserstein_distances_see_different_things():
    response = np.zeros((2, 9, 9))
    response[:, 4, 1] = 100.0
    moved, dimmed = np.roll(response, 3, axis=2), response / 2
    values, positions = pair_metric("wass_sum_values"), pair_metric("wass_sum_positions")
    assert np.all(values(response, moved) == 0)
    assert positions(response, moved) == pytest.approx(3.0)
    assert np.all(positions(response, dimmed) == 0)
    assert values(response, dimmed) == pytest.approx(2 * 50 / 9)


def spots(detector: Detector, at: np.ndarray, signal: float = 10.0) -> np.ndarray:
    images = np.zeros((len(at), *detector.shape))
    for image, (row, column) in zip(images, at.astype(int), strict=True):
        image[row, column] = signal
    return images


def test_the_positional_distance_is_from_the_expected_hit_of_every_particle(focal: Detector):
    shot = particles()
    at = np.round(focal.impact(shot)) + np.array([2, -3])
    metric = PositionalConfig().build(focal)
    kept = metric.keep(spots(focal, at), spots(focal, at), shot)
    expected = np.abs(at - focal.impact(shot)).sum(axis=1)
    np.testing.assert_allclose(kept[:, 0], expected, rtol=1e-9)
    assert metric.distance(kept, kept) == pytest.approx(expected.mean())


def test_a_response_without_signal_or_a_particle_without_impact_point_has_no_positional_distance(focal: Detector):
    shot = particles()
    shot[1, 1] = 0.0
    responses = spots(focal, np.round(focal.impact(particles())))
    responses[0] = 0.0
    metric = PositionalConfig().build(focal)
    kept = metric.keep(responses, responses, shot)
    assert np.isnan(kept[:2]).all()
    assert metric.distance(kept, kept) == pytest.approx(kept[2:].mean())
    assert metric.distance(kept[:2], kept) is None


def test_the_total_distance_is_that_of_totals_over_their_largest(focal: Detector):
    draw = np.random.default_rng(1)
    truth, other = draw.poisson(2.0, (EVENTS, 5, 5)), draw.poisson(7.0, (EVENTS, 5, 5))
    metric = TotalWassersteinConfig().build(focal)
    kept, own = metric.keep(truth, other, particles()), metric.observe(truth, particles())
    a, b = other.sum(axis=(1, 2)), truth.sum(axis=(1, 2))
    assert metric.distance(kept, own) == pytest.approx(wasserstein_distance(a / a.max(), b / b.max()))
    assert metric.distance(10 * kept, own) == pytest.approx(metric.distance(kept, own))


def test_the_joint_distance_is_the_mean_over_projections_by_scipy(focal: Detector):
    draw = np.random.default_rng(2)
    metric = JointWassersteinConfig(directions=16, seed=3).build(focal)
    one, other = draw.normal(size=(30, 2)) * [5, 100], draw.gamma(2.0, size=(20, 2))
    directions = metric._directions
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    x, y = ((cloud - cloud.mean(0)) / cloud.std(0) for cloud in (one, other))
    expected = np.mean([wasserstein_distance(x @ u, y @ u) for u in directions])
    assert metric.distance(one, other) == pytest.approx(expected)
    assert metric.distance(one * [2, 0.1] + 7, other) == pytest.approx(expected), "only the shape counts"
    same = JointWassersteinConfig(directions=16, seed=3).build(focal)
    assert same.distance(one, other) == metric.distance(one, other)
    assert "each set's own mean" in metric.about
    assert "16 fixed directions" in metric.about


def test_the_joint_distance_is_of_particle_energies_and_total_signals(focal: Detector):
    shot = particles()
    responses = np.random.default_rng(0).poisson(2.0, (EVENTS, 5, 5))
    observed = JointWassersteinConfig().build(focal).observe(responses, shot)
    np.testing.assert_array_equal(observed, np.stack([shot[:, 0], responses.sum(axis=(1, 2))], axis=1))


def test_what_does_not_vary_is_nothing():
    np.testing.assert_array_equal(standardised(np.array([[3.0, 1.0], [3.0, 5.0]])), [[0, -1], [0, 1]])


# In the protocol.


@pytest.mark.parametrize("dark", ["generated", "truth", "both"])
def test_dark_responses_have_defined_results_in_every_metric(focal: Detector, dark: str):
    shot = particles(12)
    bright, none = spots(focal, np.round(focal.impact(shot))), np.zeros((12, *focal.shape))
    truth = none if dark in ("truth", "both") else bright
    generated = none if dark in ("generated", "both") else bright
    metrics = build_metrics([config() for config in ALL.values()], focal)
    found = evaluate_arrays(truth, shot, focal.readout, generated, metrics=metrics, bootstrap=0)
    json.dumps(found, allow_nan=False)
    for name in ALL:
        mean = found["metrics"][name]["mean"]
        assert (mean is None) == (name == "positional" and generated is none)
        assert mean is None or mean >= 0
    assert "nan" not in result_table(found)


def test_every_metric_stands_beside_its_floors(focal: Detector):
    """Particles that occur once: no floor of the same particle, and random halves only where they mean something."""
    shot = particles(40)
    truth = spots(focal, np.round(focal.impact(shot)), 50.0) + np.random.default_rng(0).poisson(0.01, (40, 105, 105))
    metrics = build_metrics([config() for config in ALL.values()], focal)
    found = evaluate_arrays(truth, shot, focal.readout, truth, metrics=metrics, bootstrap=0)
    assert found["floor"]["repeats"] is None
    halves = found["floor"]["random_halves"]
    assert set(halves) == {"wasserstein", *SETS}
    assert all(halves[name]["mean"] > 0 for name in SETS)
    assert found["metrics"]["joint_wasserstein"]["mean"] == found["metrics"]["pixel_mae"]["mean"] == 0
    assert found["metrics"]["positional"]["mean"] == pytest.approx(halves["positional"]["mean"], rel=0.05), (
        "GEANT's own"
    )
    twice = np.concatenate([shot, shot])
    again = np.concatenate([truth, np.roll(truth, 1, axis=1)])
    repeats = evaluate_arrays(again, twice, focal.readout, again, metrics=metrics, bootstrap=0)["floor"]["repeats"]
    assert repeats["wass_sum_positions"]["mean"] == pytest.approx(1.0, rel=0.1)
    assert repeats["joint_wasserstein"]["mean"] < halves["joint_wasserstein"]["mean"]


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(vgg16.importlib.util, "find_spec", lambda name: None)
    vgg16._file.cache_clear()
    yield
    vgg16._file.cache_clear()


def document(focal: Detector) -> dict[str, Any]:
    shot = particles(10)
    truth = spots(focal, np.round(focal.impact(shot)))
    metrics = build_metrics(None, focal)
    found = evaluate_arrays(truth, shot, focal.readout, truth, metrics=metrics, bootstrap=0)
    figures = {"wass_sum": 3.44, "perceptual": 0.447, "positional": 1.49}
    published = {"source": "A paper, table 2", "metrics": figures, "seconds_10240": 25.2}
    timing = {"device": "cpu: Toy", "seconds_10240": {"seconds": 0.66, "batch": 1024}}
    timing["batch_256"] = {"median": 0.9, "min": 0.8, "batch": 256}
    return {"detector": "focal_h", "unit": focal.unit, "published": published, "timing": timing, **found}


def test_a_detector_s_own_metric_that_cannot_be_had_is_told_as_absent(focal: Detector, without_the_extra: None):
    found = document(focal)["metrics"]
    assert list(ALL) == [name for name in found if name in ALL]
    assert found["lpips"]["mean"] is None
    assert found["lpips"]["about"].startswith("Absent: metric 'lpips'")
    assert "calozoo[perceptual]" in found["lpips"]["about"]
    with pytest.raises(ComponentError, match="not installed"):
        build_metrics([LPIPSMetricConfig()], focal)


def test_the_table_shows_published_ours_and_floor_in_columns_of_their_own(focal: Detector, without_the_extra: None):
    text = result_table(document(focal))
    ours, _, apart = text.partition("Published: A paper, table 2")
    rows = {line[:22].strip(): line[22:].split() for line in apart.splitlines()}
    assert rows["wass sum values"][:2] == rows["wass sum positions"][:2] == ["3.44", "0"]
    assert rows["lpips"] == ["0.447", "absent", "none"]
    assert rows["positional"][0] == "1.49"
    assert rows["positional"][-1] == "(halves)"
    assert rows["10,240 responses, s"] == ["25.2", "0.660"]
    assert "0.66 s, from the fastest batch of 1,024" in " ".join(ours.split()).replace("0.660", "0.66")
    assert "in counts" in ours
    assert "photon" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_published_figures_are_of_metrics_that_exist():
    good = PublishedConfig.model_validate({"source": "paper", "metrics": {"wass_sum": 3.0, "perceptual": 0.2}})
    assert good.metrics == {"wass_sum": 3.0, "perceptual": 0.2}
    with pytest.raises(ValidationError, match="did you mean positional"):
        PublishedConfig.model_validate({"source": "paper", "metrics": {"positonal": 3.0}})
