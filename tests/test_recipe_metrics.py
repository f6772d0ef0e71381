"""Metrics that a recipe adds to the protocol: beside the data's own floor, in the table, and refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import tomli
from pydantic import ValidationError

from zoo.architectures.pretrained import vgg16
from zoo.cli.main import main
from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.errors import ComponentError
from zoo.evaluation.metrics.lpips import LPIPSMetric, LPIPSMetricConfig
from zoo.evaluation.metrics.metric import Metric, PairMetric, build_metrics
from zoo.evaluation.protocol import Evaluation
from zoo.recipe.resolved import digest, resolved_toml
from zoo.recipe.schema import EvaluateConfig, Recipe
from zoo.report.tables import result_table

REPEATS = 2


class Lights(PairMetric):
    """How many more pixels are lit in one response than in the other."""

    about = "Pixels with any photon."

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        lit = [(side > 0).sum(axis=(1, 2)) for side in (first, second)]
        return np.abs(lit[0] - lit[1]).astype(float)


@pytest.fixture(scope="module")
def events(zn: Detector, make_events: Callable[..., Events]) -> Events:
    return make_events(zn, 30)


@pytest.fixture(scope="module")
def generated(events: Events) -> np.ndarray:
    return np.random.default_rng(0).poisson(0.3, (REPEATS, *events.counts.shape)).astype(np.float32)


def evaluation(events: Events, detector: Detector, metrics: dict[str, Metric] | None) -> Evaluation:
    return Evaluation(events.counts, events.particles, detector.readout, repeats=REPEATS, bootstrap=0, metrics=metrics)


def judged(events: Events, detector: Detector, generated: np.ndarray, metrics: dict[str, Metric] | None) -> Any:
    whole = evaluation(events, detector, metrics)
    for repeat in range(REPEATS):
        for rows in (slice(0, 13), slice(13, len(events))):
            whole.update(repeat, rows, generated[repeat, rows])
    return whole.compute()


def test_a_metric_is_averaged_over_events_and_stands_beside_its_floor(
    events: Events, zn: Detector, generated: np.ndarray
):
    found = judged(events, zn, generated, {"lights": Lights()})
    means = [Lights()(events.counts, repeat).mean() for repeat in generated]
    told, floor = found["metrics"]["lights"], found["floor"]["repeats"]["lights"]
    assert told["mean"] == pytest.approx(np.mean(means))
    assert told["std"] == pytest.approx(np.std(means))
    assert told["about"] == "Pixels with any photon."
    assert told["floor"] == floor["mean"] > 0
    assert told["in_floors"] == pytest.approx(told["mean"] / floor["mean"])


def test_other_metrics_and_their_floors_stay_as_they_are(events: Events, zn: Detector, generated: np.ndarray):
    with_one, without = (judged(events, zn, generated, metrics) for metrics in ({"lights": Lights()}, None))
    del with_one["metrics"]["lights"]
    del with_one["floor"]["repeats"]["lights"]
    assert with_one == without


def test_the_floor_compares_responses_to_the_same_particle(zn: Detector, events: Events, generated: np.ndarray):
    """Of a simulation that always answers alike it is zero."""
    _, first, rows = np.unique(events.particles, axis=0, return_index=True, return_inverse=True)
    alike = Events(events.counts[first][rows.reshape(-1)], events.particles, "synthetic")
    found = judged(alike, zn, generated, {"lights": Lights()})
    assert found["floor"]["repeats"]["lights"] == {"mean": 0.0, "std": 0.0}
    assert found["metrics"]["lights"]["in_floors"] is None


def test_parts_are_merged(events: Events, zn: Detector, generated: np.ndarray):
    parts = [evaluation(events, zn, {"lights": Lights()}) for _ in range(2)]
    for repeat in range(REPEATS):
        parts[repeat].update(repeat, slice(0, len(events)), generated[repeat])
    parts[0].merge(parts[1])
    assert parts[0].compute() == judged(events, zn, generated, {"lights": Lights()})


def test_channel_sums_have_none_of_it_and_the_table_says_so(events: Events, zn: Detector, generated: np.ndarray):
    sums = np.einsum("knhw,rhw->knr", generated, zn.readout.astype(float))
    found = judged(events, zn, sums, {"lights": Lights()})
    assert found["metrics"]["lights"] is None
    assert "only channel sums" in result_table(found).split("Metrics of the recipe")[1].split("Spread")[0]


def test_the_table_has_its_row_and_what_it_is_about(events: Events, zn: Detector, generated: np.ndarray):
    found = judged(events, zn, generated, {"lights": Lights()})
    block = result_table(found).split("Metrics of the recipe")[1].split("\n\n")[0]
    [row] = [line.split() for line in block.splitlines() if line.split()[:1] == ["lights"]]
    assert len(row) == 9, "name, mean ± spread, floor ± spread, in floors, random halves"
    assert block.endswith("Pixels with any photon.")
    assert "Metrics of the recipe" not in result_table(judged(events, zn, generated, None))


# In a recipe.


def recipe(**evaluate: Any) -> Recipe:
    table = {
        "detector": "zp",
        "model": {"scheme": {"name": "flow_matching", "network": "unet"}},
        "train": {"epochs": 1, "optimizer": {"name": "adam", "learning_rate": 1e-3}},
        "evaluate": evaluate,
    }
    return Recipe.model_validate(table)


def test_a_recipe_names_metrics_and_says_nothing_of_them_where_it_names_none():
    named = recipe(metrics=["lpips"])
    assert named.evaluate.metrics == (LPIPSMetricConfig(),)
    assert named == recipe(metrics=[{"name": "lpips", "brightest": 6.4}])
    written = tomli.loads(resolved_toml(named))
    assert written["evaluate"]["metrics"] == [{"name": "lpips", "brightest": 6.4}]
    assert Recipe.model_validate(written) == named
    assert "metrics" not in tomli.loads(resolved_toml(recipe()))["evaluate"]
    assert len({digest(recipe()), digest(named)}) == 2


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValidationError, match="metrics"):
        EvaluateConfig.model_validate({"metrics": ["perceptual"]})


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(vgg16.importlib.util, "find_spec", lambda name: None)
    vgg16._file.cache_clear()
    yield
    vgg16._file.cache_clear()


def test_a_run_without_the_extra_ends_with_one_line_before_it_trains(
    missing: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = Path(__file__).parent / "recipes" / "tiny_latent.toml"
    assert main(["run", str(file), "--runs", str(tmp_path), "--set", 'evaluate.metrics=["lpips"]']) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "metric 'lpips'" in line
    assert "calozoo[perceptual]" in line
    assert not list(tmp_path.rglob("checkpoints"))


def test_what_cannot_be_compared_is_refused(missing: None, zp: Detector):
    with pytest.raises(ComponentError, match="at least 16x16 pixels"):
        build_metrics([LPIPSMetricConfig()], replace(zp, shape=(44, 15)))
    with pytest.raises(ComponentError, match="not installed"):
        build_metrics([LPIPSMetricConfig()], zp)


def test_a_metric_that_is_listed_twice_is_refused(monkeypatch: pytest.MonkeyPatch, zn: Detector):
    monkeypatch.setattr(LPIPSMetricConfig, "build", lambda self, detector: Lights())
    with pytest.raises(ComponentError, match="listed twice"):
        build_metrics([LPIPSMetricConfig(), LPIPSMetricConfig(brightest=3.0)], zn)


def test_lpips_sees_logarithms_from_black_to_white_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch):
    """The distance itself is that of tests/test_pretrained.py; here something plain stands for it."""
    seen: list[tuple[int, ...]] = []

    def plain(x: jax.Array, y: jax.Array) -> jax.Array:
        seen.append(x.shape)
        return x[:, 0, 0] - 10.0 * y[:, 0, 0]

    monkeypatch.setattr("zoo.evaluation.metrics.lpips.lpips", plain)
    monkeypatch.setattr("zoo.evaluation.metrics.lpips.CHUNK", 2)
    draw = np.random.default_rng(0)
    first, second = draw.poisson(3.0, (3, 16, 17)).astype(np.uint16), draw.poisson(5.0, (3, 16, 17)).astype(np.float32)
    metric = LPIPSMetric(brightest=4.0)
    x, y = (np.log1p(side[:, 0, 0].astype(np.float64)) / 2.0 - 1.0 for side in (first, second))
    np.testing.assert_allclose(metric(first, second), x - 10.0 * y, rtol=1e-5)
    assert seen == [(2, 16, 17)], "one program serves all chunks, the last one padded"
    assert metric.about.endswith("white at 4.")
    np.testing.assert_allclose(metric(np.zeros((1, 16, 17)), np.full((1, 16, 17), np.expm1(4.0))), -11.0, rtol=1e-5)
