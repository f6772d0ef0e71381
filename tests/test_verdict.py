"""Collapse is told calmly and never wrongly: the rule on made-up validations, and runs that lose what they learnt."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes import RECIPES, python

import zoo
from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.report.tables import result_table
from zoo.runner.validation import ResponseValidator
from zoo.runner.verdict import HOPELESS, RELAPSE, Verdict, verdict

SHIPPED = Path(zoo.__file__).parent / "data" / "shipped" / "zn.npz"

SILENCE = 100.0


def validations(*distances: float | None, photons: float = 1.0, spread: float = 1.0) -> list[dict[str, Any]]:
    """Validations every ten steps; None stands for responses that are not finite."""
    return [
        {"step": 10 * number, "wasserstein": distance}
        | {"photons": None if distance is None else photons, "spread": None if distance is None else spread}
        for number, distance in enumerate(distances, 1)
    ]


def found(lines: Sequence[Mapping[str, Any]]) -> Verdict | None:
    return verdict(lines, SILENCE)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        validations(400.0),
        validations(400.0, 300.0, 200.0, 150.0, 120.0),
        validations(*np.geomspace(5000.0, 101.0, 50)),
        validations(110.0, 99.0, 140.0, 150.0, 160.0),
        validations(20.0, 10.0, 500.0, 400.0),
        validations(20.0, 10.0, 500.0, 400.0, 300.0, 99.0),
        validations(None, None, None, 300.0),
        validations(*[100.0] * 9, photons=0.0),
        validations(*[90.0] * 9, spread=0.0),
        validations(300.0, 99.0, 98.0) + validations(*[0.0] * 3, 100.0, 100.0, photons=0.0)[3:],
        validations(99.0, 98.0, 97.0, spread=1e-2),
    ],
    ids=[
        "nothing yet", "untrained", "slow starter", "very slow starter", "overshoot", "lapse", "recovered",
        "infinite at first", "dark so far", "alike so far", "a little dark", "little spread",
    ],
)  # fmt: skip
def test_healthy_and_unfinished_runs_get_no_verdict(lines: list[dict[str, Any]]):
    assert found(lines) is None


@pytest.mark.parametrize(
    ("lines", "step", "words"),
    [
        (validations(20.0, None), 20, "not finite since step 20"),
        (validations(20.0, 500.0, None, None), 30, "not finite since step 30"),
        (validations(20.0, 500.0, 400.0, 300.0), 20, "further from GEANT than empty ones since step 20"),
        (validations(20.0) + validations(0, 99.0, 99.0, 99.0, photons=0.0)[1:], 20, "empty since step 20"),
        (validations(20.0) + validations(0, 90.0, 90.0, 90.0, spread=0.0)[1:], 20, "all alike since step 20"),
        (validations(20.0, None, 500.0) + validations(0, 0, 0, 99.0, photons=1e-4)[3:], 20, "empty since step 20"),
        (validations(99.0) + validations(*[100.0] * 4, photons=0.0)[1:], 20, "empty since step 20"),
        (validations(*[100.0] * HOPELESS, photons=0.0), 10, "empty since step 10"),
        (validations(*np.linspace(85.0, 84.6, HOPELESS), photons=0.01), 10, "empty since step 10"),
        (
            validations(234.0, 97.0, 134.0) + validations(0, 0, 0, *[84.0] * 5, spread=0.012)[3:],
            30,
            "alike since step 30",
        ),
        (validations(*[300.0, 301.0] * 5), 10, "further from GEANT than empty ones since step 10"),
    ],
)
def test_a_collapse_is_told_with_its_step(lines: list[dict[str, Any]], step: int, words: str):
    told = found(lines)
    assert told is not None
    assert told.step == step
    assert told.reason.endswith(words)
    assert not told.ended


@given(
    distances=st.lists(st.one_of(st.none(), st.floats(0.0, 1e6)), min_size=1, max_size=30),
    good=st.floats(0.0, SILENCE),
)
def test_a_good_validation_at_the_end_clears_everything(distances: list[float | None], good: float):
    assert found(validations(*distances, good)) is None


@given(distances=st.lists(st.floats(0.0, 1e6), min_size=1, max_size=RELAPSE - 1))
def test_too_few_finite_validations_never_make_a_verdict(distances: list[float]):
    assert found(validations(*distances)) is None


@given(start=st.floats(SILENCE, 1e6), ratios=st.lists(st.floats(0.5, 0.99), min_size=1, max_size=40))
def test_whoever_keeps_getting_better_is_left_alone(start: float, ratios: list[float]):
    assert found(validations(*(start * np.cumprod(ratios)))) is None


def judged(detector: Detector, events: Events, responses: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Any:
    validator = ResponseValidator(detector, events, jax.random.key(0))

    class Given:
        def __init__(self, *_: object) -> None: ...

        def all(self, *_: object) -> np.ndarray:
            return responses

    monkeypatch.setattr("zoo.runner.validation.Generator", Given)
    return validator, validator(None, None)  # pyright: ignore


def test_validation_sees_darkness_and_sameness(zn: Detector, zn_events: Events, monkeypatch: pytest.MonkeyPatch):
    counts = zn_events.counts.astype(np.float32)
    validator, same = judged(zn, zn_events, counts, monkeypatch)
    assert same == {"wasserstein": 0.0, "mae": 0.0, "photons": 1.0, "spread": 1.0}
    _, dark = judged(zn, zn_events, 0 * counts, monkeypatch)
    assert (dark["photons"], dark["spread"]) == (0.0, 0.0)
    assert dark["wasserstein"] == pytest.approx(validator.silence)
    _, alike = judged(zn, zn_events, np.repeat(counts[:1], len(counts), axis=0), monkeypatch)
    assert alike["spread"] == 0.0
    assert alike["photons"] > 0.0
    broken = counts.copy()
    broken[3, 2, 1] = np.inf
    _, infinite = judged(zn, zn_events, broken, monkeypatch)
    assert all(np.isnan(value) for value in infinite.values())


RECIPE = RECIPES / "toy_fading.toml"

RUNS = {
    "dark": ["model.scheme.after=45", "model.scheme.how=dark"],
    "alike": ["model.scheme.after=45", "model.scheme.how=alike", "train.keep=last"],
    "far": ["model.scheme.after=45", "model.scheme.how=far"],
    "infinite": ["model.scheme.after=45", "model.scheme.how=infinite", "train.keep=last"],
    "healthy": ["train.keep=last"],
    "short": ["model.scheme.after=10", "train.epochs=3", "train.keep=last"],
    "never": ["model.scheme.after=0", "model.scheme.how=infinite", "train.epochs=2"],
}

DRIVER = """
import json, sys
from zoo.cli import main
codes = [main(arguments) for arguments in json.loads(sys.argv[1])]
from zoo.shelf.load import load
import numpy as np
particles = np.load(sys.argv[2])["particles"][:20]
spread = {name: np.ptp(load(name).sample(particles), axis=0).max().item() for name in sys.argv[3:]}
print("\\n" + json.dumps([codes, spread]))
"""


class Ended(NamedTuple):
    """How a run ended."""

    code: int
    result: dict[str, Any]
    log: str
    spread: float | None
    """Largest difference between the channel sums that the loaded model gives to some particles."""

    @property
    def stage(self) -> dict[str, Any]:
        return self.result["stages"]["main"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """All runs, one after the other in one process of its own, where the toys are installed."""
    folder = tmp_path_factory.mktemp("fading")
    commands = [
        ["run", str(RECIPE), "--runs", str(folder), "--id", name, *(part for one in sets for part in ("--set", one))]
        for name, sets in RUNS.items()
    ]
    loaded = [str(folder / "toy_fading" / name) for name in RUNS if name != "never"]
    done = python(DRIVER, json.dumps(commands), SHIPPED, *loaded, toy=True)
    assert done.returncode == 0, done.stderr
    codes, spread = json.loads(done.stdout.splitlines()[-1])
    ended = {}
    for name, code in zip(RUNS, codes, strict=True):
        run = folder / "toy_fading" / name
        result = json.loads((run / "result.json").read_text())
        ended[name] = Ended(code, result, (run / "log.txt").read_text(), spread.get(str(run)))
    return ended


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dark", "generated responses are empty since step "),
        ("alike", "generated responses are all alike since step "),
        ("far", "generated responses are further from GEANT than empty ones since step "),
        ("infinite", "generated responses are not finite since step "),
    ],
)
def test_a_collapsed_run_ends_with_a_verdict_and_its_last_good_weights(runs: dict[str, Ended], name: str, words: str):
    ended = runs[name]
    assert ended.code == 1
    assert ended.result["converged"] is ended.stage["converged"] is False
    reason = ended.stage["reason"]
    assert ended.result["reason"] == f"stage main: {reason}"
    assert reason.startswith(words)
    # The training went on to its end all the same, and its end is not what is kept.
    assert 45 < int(reason.removeprefix(words)) < ended.stage["steps"] == 79
    assert ended.stage["kept"] == "best"
    assert ended.stage["kept_step"] < 45
    assert ended.log.count(f"stage main: {reason}; the training goes on") == 1
    assert f"{reason}; the last good weights, of step {ended.stage['kept_step']}, are kept" in ended.log
    # What is evaluated, and what is loaded, are the good weights.
    healthy = runs["healthy"].result["metrics"]["wasserstein"]["mean"]
    assert ended.result["metrics"]["wasserstein"]["mean"] < 2 * healthy
    assert ended.spread is not None
    assert ended.spread > 1.0


def test_a_healthy_run_keeps_what_it_was_told_to_keep(runs: dict[str, Ended]):
    ended = runs["healthy"]
    assert (ended.code, ended.result["converged"], ended.result["reason"]) == (0, True, None)
    assert (ended.stage["kept"], ended.stage["kept_step"], ended.stage["reason"]) == ("last", 79, None)
    assert "goes on" not in ended.log


def test_a_short_run_that_is_dark_at_its_end_is_not_judged(runs: dict[str, Ended]):
    ended = runs["short"]
    assert (ended.code, ended.result["converged"], ended.stage["kept"]) == (0, True, "last")
    assert ended.spread == 0.0


def test_a_run_without_a_single_finite_response_has_a_result(runs: dict[str, Ended]):
    ended = runs["never"]
    assert ended.code == 1
    assert ended.result["converged"] is False
    assert ended.result["reason"].startswith("stage main: generated responses are not finite since step ")
    assert ended.result["metrics"] is None
    assert "No metrics" in result_table(ended.result)
    assert "NO: stage main: generated responses are not finite" in result_table(ended.result)
