"""The report: the text of a result, the pictures of a run, and everything that may be missing from either."""

from __future__ import annotations

import copy
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread

from zoo.detectors.detector import Column, Detector
from zoo.evaluation.binning import photon_bins
from zoo.evaluation.protocol import evaluate_arrays
from zoo.report.particles import caption
from zoo.report.plots import draw_run
from zoo.report.rounding import duration, number, span, with_spread
from zoo.report.tables import result_table

SHAPE = (6, 8)
EVENTS, REPEATS, EXAMPLES = 80, 3, 4


def detector(channels: int = 3) -> Detector:
    """A small calorimeter whose channels are vertical stripes."""
    stripes = np.indices(SHAPE)[1] * max(channels, 1) // SHAPE[1]
    return Detector(
        name="toy",
        title="Toy calorimeter",
        shape=SHAPE,
        pitch=(0.5, 0.5),
        face=100.0,
        columns=(Column("energy", "GeV", "total energy"), Column("charge", "e", "electric charge")),
        aim=lambda detector, particles: (particles[:, 0], particles[:, 1]),
        readout=np.stack([stripes == channel for channel in range(channels)])
        if channels
        else np.zeros((0, *SHAPE), bool),
    )


TOY = detector()


def simulated(seed: int = 0, brightness: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    particles = np.array([[50.0, 0, 22], [149.2, 1, 2212], [2500.0, 0, 2112]])[np.arange(EVENTS) % 3]
    light = brightness * np.sqrt(particles[:, 0, None, None] / 50)
    return draw.poisson(light * draw.lognormal(0, 0.3, (EVENTS, *SHAPE))), particles


def arrays(of: Detector = TOY, sums_only: bool = False, **changed: np.ndarray) -> dict[str, np.ndarray]:
    """What a run keeps for its pictures."""
    masks = of.readout.astype(float)
    truth, particles = simulated()
    generated = np.stack([simulated(seed)[0] * 1.1 for seed in range(1, 1 + REPEATS)])
    sums = np.einsum("kehw,rhw->ker", generated, masks)
    return {
        "true_channels": np.einsum("ehw,rhw->er", truth, masks),
        "channels": sums,
        "true_examples": truth[:EXAMPLES].astype(np.float32),
        "examples": sums[:, :EXAMPLES] if sums_only else generated[:, :EXAMPLES],
        "example_particles": particles[:EXAMPLES],
        **changed,
    }


def journal(stages: tuple[str, ...] = ("train",), loss: str = "loss") -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for stage in stages:
        for step in range(10, 210, 10):
            lines.append({"event": "train", "stage": stage, "step": step, "epoch": step / 50, loss: 10 / step})
            if step % 50 == 0:
                found = {"wasserstein": 500 / step, "mae": 3.0}
                lines.append({"event": "validation", "stage": stage, "step": step, "epoch": step / 50, **found})
    return lines


def stage(**changed: Any) -> dict[str, Any]:
    return {
        "parameters": {"network": 77_372},
        "steps": 200,
        "examples_seen": 51_200,
        "converged": True,
        "seconds": 15_130.2,
    } | changed


def metric(mean: float, std: float, floor: float | None, **more: Any) -> dict[str, Any]:
    return {"mean": mean, "std": std, "floor": floor, "in_floors": mean / floor if floor else None, **more}


def document(**changed: Any) -> dict[str, Any]:
    """A result with numbers that can be told apart."""
    ratio = {"median": 0.9124, "low": 0.8411, "high": 1.004, "particles": 148}
    floors = {
        "wasserstein": (0.8251, 0.0814),
        "mae": (15.64, 0.27),
        "rmse": (81.64, 0.73),
        "photon_sum": (8.47, 0.66),
        "lit_pixels": (2.02, 0.21),
        "brightest_pixel": (2.709, 0.654),
        "centroid_row": (0.1270, 0.0181),
        "centroid_column": (0.1424, 0.0395),
    }
    return {
        "recipe": "toy_fm",
        "detector": "toy",
        "scheme": "flow_matching",
        "parameters": 77_372,
        "stages": {"train": stage()},
        "converged": True,
        "reason": None,
        "metrics": {
            "wasserstein": metric(2.3142, 0.1234, 0.8251, interval=[2.0951, 2.6049], channels=[2.0, 1.5, 3.44]),
            "mae": metric(17.596, 0.271, 15.64, interval=[16.57, 18.61]),
            "rmse": metric(82.25, 1.146, 81.64),
            "photon_sum": metric(14.06, 2.17, 8.47),
            "lit_pixels": metric(2.753, 0.153, 2.02),
            "brightest_pixel": metric(12.17, 0.506, 2.709),
            "centroid_row": metric(0.08710, 0.00564, 0.1270),
            "centroid_column": metric(0.1154, 0.0147, 0.1424),
            "diversity": {"pixel": ratio, "photon_sum": None, "floor": {"pixel": ratio, "photon_sum": None}},
        },
        "floor": {
            "random_halves": {"wasserstein": {"mean": 2.184, "std": 0.42}},
            "repeats": {name: {"mean": mean, "std": std} for name, (mean, std) in floors.items()},
        },
        "evaluated": {"events": 2_113, "particles": 427, "repeats": 5},
        "timing": {
            "device": "cpu: Toy 9000, 2 threads",
            "batch_256": {"median": 1.8312, "min": 1.8, "max": 1.9, "batch": 256, "repeats": 5},
            "batch_1": {"median": 12.134, "min": 12.0, "max": 13.0, "batch": 1, "repeats": 5},
        },
        "device": "cpu: Toy 9000, 2 threads",
        "published": {"source": "A paper, table 1", "wasserstein": 1.27, "mae": 16.99, "time_ms": 0.46, "note": ""},
    } | changed


def row(text: str, title: str) -> str:
    """The line of a table, with single spaces."""
    found = [line for line in text.splitlines() if re.match(rf"  {re.escape(title)}  ", line)]
    assert len(found) == 1
    return " ".join(found[0].split())


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("MAE", "MAE 17.60 ± 0.27 [16.6, 18.6] 15.64 ± 0.27 1.13"),
        ("RMSE", "RMSE 82.2 ± 1.1 81.64 ± 0.73 1.01"),
        ("lit pixels", "lit pixels 2.75 ± 0.15 2.02 ± 0.21 1.36"),
        ("brightest pixel", "brightest pixel 12.17 ± 0.51 2.71 ± 0.65 4.49"),
        ("centroid, row", "centroid, row 0.0871 ± 0.0056 0.127 ± 0.018 0.686"),
        ("centroid, column", "centroid, column 0.115 ± 0.015 0.142 ± 0.040 0.810"),
        ("pixels", "pixels 0.91 [0.84, 1.00] 0.91 [0.84, 1.00]"),
        ("batch 256", "batch 256 1.83 ms"),
        ("batch 1", "batch 1 12.1 ms"),
        ("parameters", "parameters 77,372"),
        ("training", "training 51,200 examples seen in 200 steps, 4 h 12 min"),
        ("evaluated", "evaluated 2,113 events (427 particles), 5 responses generated to each"),
        ("converged", "converged yes"),
    ],
)
def test_every_number_has_its_row_and_its_digits(title: str, expected: str) -> None:
    assert row(result_table(document(published=None)), title) == expected


def test_the_wasserstein_distance_stands_beside_both_floors() -> None:
    text = result_table(document(published=None))
    assert row(text, "Wasserstein") == "Wasserstein 2.31 ± 0.12 [2.10, 2.60] 0.825 ± 0.081 2.80"
    assert "Wasserstein 2.18 ± 0.42" in " ".join(text.split())


def test_published_figures_stand_apart_and_say_so() -> None:
    text = result_table(document())
    measured, _, published = text.partition("Published: A paper, table 1")
    for figure in ("1.27", "16.99", "0.46 ms"):
        assert figure in published
        assert figure not in measured
    assert "no like-for-like comparison" in " ".join(published.split())
    assert measured.endswith("\n\n")


def test_several_stages_are_told_apart() -> None:
    stages = {"sums": stage(examples_seen=999, steps=1, seconds=12.3), "shape": stage()}
    text = result_table(document(stages=stages))
    assert row(text, "stage sums") == "stage sums 999 examples seen in 1 step, 12 s"
    assert "51,200" in row(text, "stage shape")


def test_reconstructions_and_errors_stand_beside_what_is_generated() -> None:
    metrics = {"wasserstein": metric(7.7123, 0.0, None), "mae": metric(11.84, 0.0, None), "rmse": None}
    stages = {
        "codes": stage(errors={"loss": 94.57}, reconstruction={"metrics": metrics}),
        "prior": stage(errors={"loss": 2.971}),
    }
    text = result_table(document(stages=stages))
    _, codes, prior = re.split(
        "Reconstructions of the test split, stage codes|Errors on the test split, stage prior", text
    )
    assert row(codes, "Wasserstein") == "Wasserstein 7.71"
    assert row(codes, "loss") == "loss 94.6"
    assert row(prior, "loss") == "loss 2.97"
    assert "Reconstructions" not in result_table(document())
    alone = result_table(document(stages=stages, metrics=None, errors={"loss": 94.57}))
    assert "stage prior" not in alone.split("Reconstructions")[1]


def test_a_diverged_run_says_why() -> None:
    reason = "stage train: loss or gradient not finite at step 812"
    nothing = {"metrics": None, "floor": None, "evaluated": None, "timing": None}
    text = result_table(document(converged=False, reason=reason, **nothing))
    assert f"NO: {reason}" in text
    assert "No metrics" in text
    assert "not measured" in text
    assert "last good weights" in result_table(document(converged=False, reason=reason))


def test_channel_sums_without_pixels_are_said_in_words() -> None:
    result = document()
    for name in ("rmse", "lit_pixels", "brightest_pixel", "centroid_row", "centroid_column"):
        result["metrics"][name] = None
    text = result_table(result)
    assert row(text, "RMSE") == "RMSE not seen 81.64 ± 0.73"
    assert row(text, "lit pixels") == "lit pixels not seen 2.02 ± 0.21"
    assert "no pixels, only channel sums" in text


def test_particles_that_occur_once_have_no_floor() -> None:
    result = document(floor={"random_halves": None, "repeats": None})
    for found in result["metrics"].values():
        found.update(floor=None, in_floors=None)
    result["metrics"]["diversity"] = {"pixel": None, "photon_sum": None, "floor": {"pixel": None, "photon_sum": None}}
    text = result_table(result | {"published": None})
    assert row(text, "Wasserstein").endswith("none none")
    assert "no particle occurs twice" in text
    assert "cannot be had" in text
    assert "no particle has enough responses" in " ".join(text.split())


def test_nothing_known_is_still_a_report() -> None:
    assert "not known" in result_table({})
    assert "no interval" not in result_table(document())
    without = document()
    without["metrics"]["wasserstein"]["interval"] = None
    assert row(result_table(without | {"published": None}), "Wasserstein").split()[4] == "none"


def test_what_the_evaluation_returns_is_what_the_report_reads() -> None:
    truth, particles = simulated()
    generated = np.stack([simulated(seed)[0] for seed in (1, 2)])
    found = evaluate_arrays(truth, particles, TOY.readout, generated, bootstrap=5)
    text = result_table(json.loads(json.dumps({"recipe": "toy", **found})))
    mean = found["metrics"]["wasserstein"]["mean"]
    shown = float(row(text, "Wasserstein").split()[1])
    assert shown == pytest.approx(mean, rel=0.05)
    sums = np.einsum("kehw,rhw->ker", generated, TOY.readout.astype(float))
    text = result_table(evaluate_arrays(truth, particles, TOY.readout, sums, bootstrap=0))
    assert "not seen" in row(text, "RMSE")


NUMBERS = st.just(0.0) | st.floats(1e-12, 1e12)
WORDS = st.sampled_from(["short", "many words " * 12, "one-word-" * 20, "-"])


@settings(max_examples=50, deadline=None)
@given(values=st.lists(NUMBERS, min_size=12, max_size=12), words=WORDS)
def test_no_line_is_wider_than_a_terminal(values: list[float], words: str) -> None:
    result = copy.deepcopy(document(recipe=words, device=words, scheme=words, reason=words, converged=False))
    low, high = sorted(values[:2])
    for name in ("wasserstein", "mae", "rmse"):
        result["metrics"][name] = metric(values[2], values[3], values[4], interval=[low, high])
        result["floor"]["repeats"][name] = {"mean": values[5], "std": values[6]}
    result["metrics"]["centroid_column"] = metric(values[7], values[8], values[9])
    result["floor"]["repeats"]["centroid_column"] = {"mean": values[10], "std": values[11]}
    result["published"] |= {"source": words, "note": words}
    lines = result_table(result).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


@settings(max_examples=200, deadline=None)
@given(mean=st.floats(1e-3, 9e5), relative=st.floats(1e-6, 1e3))
def test_a_value_is_rounded_by_less_than_its_spread(mean: float, relative: float) -> None:
    spread = mean * relative
    shown, *beside = (float(part.replace(",", "")) for part in with_spread(mean, spread).split(" ± "))
    # Half of the last digit shown: a twentieth of the spread, a thousandth of the value, or the fourth decimal.
    assert abs(shown - mean) <= max(0.06 * spread, 6e-4 * mean, 6e-5)
    assert beside
    assert abs(beside[0] - spread) <= max(0.06 * spread, 6e-4 * mean, 6e-5)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (with_spread(9.996, 0.0996), "10.00 ± 0.10"),
        (with_spread(3.2, 40.0), "3 ± 40"),
        (with_spread(12_345.0, 678.0), "12,340 ± 680"),
        (with_spread(2.5, 0.0), "2.50"),
        (with_spread(0.0, 0.0), "0"),
        (span(0.0, 0.0), "[0, 0]"),
        (number(12_345.6), "12,300"),
        (number(2.5e7), "2.5e+07"),
        (duration(59.6), "1 min"),
        (duration(0.4), "0 s"),
    ],
)
def test_rounding(shown: str, expected: str) -> None:
    assert shown == expected


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(0, 1e7), min_size=1, max_size=40))
def test_bins_hold_every_value_and_widen(values: list[float]) -> None:
    binning = photon_bins(np.array(values))
    assert binning.edges[0] <= min(values)
    assert binning.edges[-1] >= max(values)
    assert binning.count(np.array(values)).sum() == len(values)
    widths = np.diff(binning.edges)
    assert (widths >= 1).all()
    assert (np.diff(widths) >= 0).all()
    assert len(widths) <= 40


def test_values_beyond_the_bins_are_counted_at_the_end() -> None:
    binning = photon_bins(np.array([0.0, 10.0]))
    counted = binning.count(np.array([0.0, 1e9, 10.0]))
    assert counted[-1] == 2
    assert binning.beyond(np.array([0.0, 1e9, 10.0, 3.0])) == 0.25


@pytest.mark.parametrize(
    ("particle", "expected"),
    [
        ([149.2, 0, 22], r"$\gamma$  149 GeV"),
        ([2500, 0, 2112], r"$n$  2.5 TeV"),
        ([50, 0, 999], "PDG 999  50 GeV"),
        ([50, 0], "50 GeV"),
    ],
)
def test_particles_have_names(particle: list[float], expected: str) -> None:
    assert caption(np.array(particle, dtype=float), TOY) == expected


DPI = 40


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures in few pixels: what can go wrong does not depend on how many."""
    monkeypatch.setattr("zoo.report.style.DPI", DPI)


def check_pictures(written: list[Path], expected: list[str]) -> None:
    assert [path.name for path in written] == expected
    for path in written:
        height, width, _ = imread(path).shape
        assert 2 * DPI < min(height, width) <= max(height, width) < 40 * DPI
        assert list(path.parent.glob(".*")) == []
        assert imread(path)[..., :3].std() > 0.01


def test_a_run_is_drawn(tmp_path: Path) -> None:
    written = draw_run(tmp_path / "plots", TOY, document(), journal(), arrays())
    check_pictures(written, ["examples.png", "channels.png", "learning.png"])


def test_channel_sums_have_no_images(tmp_path: Path) -> None:
    check_pictures(draw_run(tmp_path, TOY, document(), [], arrays(sums_only=True)), ["channels.png"])


def test_a_detector_without_channels_has_no_histograms(tmp_path: Path) -> None:
    check_pictures(draw_run(tmp_path, detector(0), {}, [], arrays(detector(0))), ["examples.png"])


def test_a_diverged_run_has_its_learning_curve(tmp_path: Path) -> None:
    lines = [*journal(("sums",)), {"event": "diverged", "stage": "sums", "step": 201}]
    lines[3]["loss"] = None
    result = document(converged=False, metrics=None, floor=None)
    check_pictures(draw_run(tmp_path, TOY, result, lines, {}), ["learning.png"])
    assert draw_run(tmp_path, TOY, result, [], {}) == []


def test_degenerate_responses_are_drawn(tmp_path: Path) -> None:
    truth = np.zeros((3, *SHAPE), dtype=np.float32)
    truth[2] = 1e9
    generated = np.zeros((1, 3, *SHAPE), dtype=np.float32)
    generated[0, 1] = 1e30
    particles = np.array([[0.0, 0.0], [1e-9, 1.0], [1e12, 1.0]])
    odd = arrays(true_examples=truth, examples=generated, example_particles=particles)
    odd["true_channels"] = odd["true_channels"][:, :0]
    check_pictures(draw_run(tmp_path, TOY, {}, [], odd), ["examples.png"])


@pytest.mark.parametrize("events", [1, 30])
def test_degenerate_channels_are_drawn(tmp_path: Path, events: int) -> None:
    """No photons; one value; generated none, far beyond, much less, not whole."""
    truth = np.array([0.0, 7.0, 7.0, 0.0, 1e9, 1.0])
    generated = np.array([0.0, 7.0, 0.0, 1e12, 0.2, 0.5])
    odd = arrays(sums_only=True)
    odd |= {"true_channels": np.tile(truth, (events, 1)), "channels": np.tile(generated, (2, events, 1))}
    check_pictures(draw_run(tmp_path, TOY, {}, [], odd), ["channels.png"])


def test_degenerate_journals_are_drawn(tmp_path: Path) -> None:
    """Every stage of this run has its own trouble."""
    odd = {
        "single": journal()[:1],
        "null": [line | {"loss": None, "wasserstein": None} for line in journal()],
        "validation": [line for line in journal() if line["event"] == "validation"][:1],
        "constant": [line | {"loss": -1.0, "wasserstein": 0.0} for line in journal()],
        "diverged": [{"event": "diverged", "step": 1}],
        "players": [*journal(loss="critic/loss"), *journal(loss="generator/loss")],
    }
    lines = [line | {"stage": name} for name, of_stage in odd.items() for line in of_stage]
    check_pictures(draw_run(tmp_path, TOY, document(), lines, {}), ["learning.png"])


def test_a_journal_alone_is_drawn(tmp_path: Path) -> None:
    check_pictures(draw_run(tmp_path, TOY, {}, journal(), {}), ["learning.png"])


def test_a_failing_picture_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "learning.png").write_bytes(b"from before")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(self: Figure, path: Path, **_: Any) -> None:
        Path(path).write_bytes(b"\x89PNG, half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        draw_run(tmp_path, TOY, document(), journal(), {})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_pictures_do_not_depend_on_the_users_settings(tmp_path: Path) -> None:
    (plain,) = draw_run(tmp_path / "plain", TOY, document(), journal(), {})
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        (odd,) = draw_run(tmp_path / "odd", TOY, document(), journal(), {})
        assert matplotlib.rcParams["font.size"] == 30
    assert plain.read_bytes() == odd.read_bytes()


def test_tables_and_drawing_leave_heavy_libraries_alone() -> None:
    code = (
        "import sys, zoo.report.tables; assert not {'matplotlib', 'jax', 'numpy'} & set(sys.modules), 'tables';"
        "import zoo.report.plots; assert 'matplotlib.pyplot' not in sys.modules, 'plots'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_generated_histogram_has_the_weight_of_one_repeat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr("zoo.report.plots.save", lambda figure, path: drawn.append(figure) or path)
    same = arrays()
    same["channels"] = np.stack([same["true_channels"]] * REPEATS)
    draw_run(tmp_path, TOY, {}, [], same)
    _, figure = drawn
    upper, lower = figure.axes[:2]
    values, _, _ = upper.patches[-1].get_data()
    assert values.sum() == pytest.approx(EVENTS)
    (points,) = [line for line in lower.lines if len(line.get_xdata()) > 2 and line.get_marker() == "o"]
    assert np.asarray(points.get_ydata()) == pytest.approx(1.0)
    assert math.isclose(upper.get_xlim()[0], lower.get_xlim()[0])
