"""Collapse is told calmly and never wrongly: the rule on made-up validations, and runs that lose what they learnt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Array, Float

from zoo import catalogue
from zoo.catalogue import register
from zoo.cli.main import main
from zoo.data.condition import Condition
from zoo.data.events import Events
from zoo.data.target import Target
from zoo.detectors.detector import Detector
from zoo.layers.buffer import Buffer
from zoo.layers.linear import Linear
from zoo.runner.validation import ResponseValidator
from zoo.runner.verdict import HOPELESS, RELAPSE, Verdict, verdict
from zoo.schemes.scheme import Batch, Outcome, Scheme, SchemeConfig, Setting
from zoo.shelf.load import load
from zoo.typing import Key

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


@pytest.fixture
def fading() -> Iterator[None]:
    """A scheme that learns the mean, and loses it after some steps."""
    before = {kind: dict(names) for kind, names in catalogue._REGISTERED.items()}

    @register("scheme", "fading")
    class FadingConfig(SchemeConfig):
        """Answers with what it learnt, until it does not."""

        after: int = 10_000
        """Steps that it takes before it answers otherwise."""
        how: Literal["dark", "alike", "far", "infinite"] = "dark"
        """What it answers then."""

        def build(self, setting: Setting, *, key: Key) -> Fading:
            network = Counting(Linear(setting.features, setting.shape[0], key=key), Buffer(jnp.zeros(())))
            return Fading(network, setting.target, self)

    class Counting(eqx.Module):
        linear: Linear
        steps: Buffer

    class Fading(Scheme):
        network: Counting
        target: Target
        config: FadingConfig = eqx.field(static=True)

        def players(self) -> Mapping[str, tuple[str, ...]]:
            return {"network": ("network",)}

        def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
            loss = jnp.mean(jnp.square(self.network.linear(batch.condition.features) - batch.x))
            moved = eqx.tree_at(lambda scheme: scheme.network.steps.value, self, replace_fn=lambda steps: steps + 1)
            return Outcome(loss, {"loss": loss}, moved)

        def sample(self, condition: Condition, key: Key) -> Float[Array, "B R"]:
            good = self.target.inverse(self.network.linear(condition.features))
            other = {"dark": 0.0 * good, "alike": 0.0 * good + 7.0, "far": 1e6 * good, "infinite": jnp.inf + 0.0 * good}
            return jnp.where(self.network.steps.value > self.config.after, other[self.config.how], good)

    FadingConfig.__module__ = __name__
    globals().update(Fading=Fading, Counting=Counting, FadingConfig=FadingConfig)
    yield
    catalogue._REGISTERED.clear()
    catalogue._REGISTERED.update(before)


RECIPE = """\
detector = "zn"
data = { limit = 300 }
model = { target = { name = "channels", transforms = ["log1p"] }, scheme = { name = "fading", how = "dark" } }
[train]
epochs = 12
batch_size = 32
optimizer = { name = "adam", learning_rate = 0.2 }
[evaluate]
repeats = 2
events = 30
bootstrap = 0
timing = false
"""

Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def run(fading: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the recipe: (exit code, result, what was printed)."""
    (tmp_path / "fading.toml").write_text(RECIPE)

    def ran(*overrides: str) -> tuple[int, dict[str, Any], str]:
        options = [part for override in overrides for part in ("--set", override)]
        code = main(["run", str(tmp_path / "fading.toml"), "--runs", str(tmp_path), *options])
        result = json.loads((tmp_path / "fading" / "001" / "result.json").read_text())
        captured = capsys.readouterr()
        return code, result, captured.err + captured.out

    return ran


@pytest.mark.parametrize(
    ("how", "words", "keep"),
    [
        ("dark", "generated responses are empty since step", "best"),
        ("alike", "generated responses are all alike since step", "last"),
        ("far", "generated responses are further from GEANT than empty ones since step", "best"),
        ("infinite", "generated responses are not finite since step", "last"),
    ],
)
def test_a_collapsed_run_ends_with_a_verdict_and_its_last_good_weights(
    run: Run, tmp_path: Path, how: str, words: str, keep: str
):
    code, result, said = run("model.scheme.after=45", f"model.scheme.how={how}", f"train.keep={keep}")
    assert code == 1
    assert result["converged"] is False
    stage = result["stages"]["main"]
    steps = stage["steps"]
    assert result["reason"] == f"stage main: {stage['reason']}"
    assert stage["reason"].startswith(words)
    assert 45 < int(stage["reason"].split()[-1]) < steps
    assert (stage["kept"], stage["converged"]) == ("best", False)
    assert stage["kept_step"] <= 45
    assert said.count(f"{stage['reason']}; the training goes on") == 1
    assert f"{stage['reason']}; the last good weights, of step {stage['kept_step']}, are kept" in said
    assert "NO: stage main: " in said
    # The numbers, and what is loaded, are those of the good weights.
    assert np.isfinite(result["metrics"]["wasserstein"]["mean"])
    assert result["metrics"]["photon_sum"]["mean"] < result["metrics"]["wasserstein"]["mean"] * 20
    sample = load(tmp_path / "fading" / "001").sample(np.load(particles(tmp_path))["arr_0"])
    assert sample.sum() > 0
    assert np.ptp(sample, axis=0).max() > 0


def particles(folder: Path) -> Path:
    from zoo.data.sources.sample import SampleConfig
    from zoo.detectors.zn import ZNConfig

    np.savez(folder / "particles.npz", SampleConfig().read(ZNConfig().build()).particles[:20])
    return folder / "particles.npz"


def test_a_healthy_run_keeps_what_it_was_told_to_keep(run: Run):
    code, result, said = run("train.keep=last")
    assert (code, result["converged"], result["reason"]) == (0, True, None)
    stage = result["stages"]["main"]
    assert (stage["kept"], stage["kept_step"], stage["reason"]) == ("last", stage["steps"], None)
    assert "training goes on" not in said


def test_a_short_run_that_is_dark_at_its_end_is_not_judged(run: Run):
    code, result, _ = run("model.scheme.after=10", "train.epochs=3", "train.keep=last")
    assert (code, result["converged"]) == (0, True)


def test_a_run_without_a_single_finite_response_has_a_result(run: Run):
    code, result, said = run("model.scheme.after=-1", "model.scheme.how=infinite", "train.epochs=2")
    assert code == 1
    assert result["converged"] is False
    assert result["reason"].startswith("stage main: generated responses are not finite since step")
    assert result["metrics"] is None
    assert "No metrics" in said
