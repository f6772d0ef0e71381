"""Shorter weights on the shelf, and numbers that are theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shelf_runs import changed_shelf, finished_run

from zoo.cli.main import main
from zoo.errors import ShelfError
from zoo.runner.compact import compact
from zoo.runner.observer import Silent
from zoo.runner.remeasure import measured
from zoo.shelf import short
from zoo.shelf.card import find_card
from zoo.shelf.load import load
from zoo.shelf.short import MANTISSA_BITS, rounded, shortened
from zoo.shelf.verify import verify

Capture = pytest.CaptureFixture[str]

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@pytest.fixture(autouse=True)
def small_arrays_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ZOO_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(short, "WORTH", 4)


@given(arrays(np.float32, st.integers(0, 20), elements=FINITE))
def test_rounding_is_to_the_nearest_and_once_is_enough(values: np.ndarray) -> None:
    short = rounded(values)
    normal = np.abs(values) >= np.finfo(np.float32).tiny
    apart = np.abs(short.astype(np.float64) - values)
    assert (apart[normal] <= 2.0 ** -(MANTISSA_BITS + 1) * np.abs(values[normal].astype(np.float64))).all()
    kept_back = np.abs(values) > 3.39e38  # what would round to infinity stays as it is
    assert np.array_equal(rounded(short)[~kept_back], short[~kept_back])
    assert ((short.view(np.uint32) & 0x7FFF)[~kept_back] == 0).all()


@given(st.floats(width=16, allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_what_float16_can_say_stays(value: float) -> None:
    assert rounded(np.array([value], np.float32), 10)[0] == value


def test_rounding_agrees_with_float16_where_its_range_suffices() -> None:
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32) + 3
    assert np.array_equal(rounded(values, 10), values.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.finfo(np.float32).max])
def test_what_is_not_finite_or_would_not_be_stays(value: float) -> None:
    values = np.array([value], np.float32)
    assert np.array_equal(rounded(values), values, equal_nan=True)


def test_only_large_arrays_are_rounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short, "WORTH", 50)
    model = load("tiny", changed_shelf(tmp_path)).model
    for before, after in zip(jax.tree.leaves(model), jax.tree.leaves(shortened(model)), strict=True):
        if not isinstance(before, jax.Array):
            assert before is after
        elif before.size < 50:
            assert np.array_equal(before, after)
        else:
            assert np.array_equal(after, rounded(np.asarray(before)))


def test_a_compact_model_is_smaller_and_its_numbers_are_its_own(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = changed_shelf(tmp_path)
    before = find_card("tiny", root)
    megabytes, old = before.megabytes(), load("tiny", root)
    assert main(["compact", "tiny", "--registry", str(root)]) == 0
    said = capsys.readouterr().out
    assert "MB before" in said
    assert "wasserstein" in said
    card = find_card("tiny", root)
    assert card.megabytes() < megabytes
    assert card.table["weights"] == {"mantissa_bits": MANTISSA_BITS}
    now = load("tiny", root)
    leaves = zip(jax.tree.leaves(now.model), jax.tree.leaves(shortened(old.model)), strict=True)
    assert all(np.array_equal(one, other) for one, other in leaves)
    again = measured(now, Silent())
    for name, value in card.table["metrics"].items():
        if "mean" in value:
            assert again["metrics"][name]["mean"] == pytest.approx(value["mean"], rel=1e-6)
    assert verify(card).apart.max() == 0
    changed = {"weights", "metrics", "floor", "reference", "files"}
    kept = set(before.table) - changed
    assert {key: card.table[key] for key in kept} == {key: before.table[key] for key in kept}
    described = [{file for file in one.table["files"] if not file.startswith("weights/")} for one in (before, card)]
    assert described[0] == described[1]
    assert main(["show", "tiny", "--registry", str(root)]) == 0
    assert "8 bits of mantissa" in capsys.readouterr().out
    assert main(["compact", "tiny", "--registry", str(root)]) == 2
    assert "short already" in capsys.readouterr().out
    monkeypatch.setattr("zoo.runner.compact.MANTISSA_BITS", MANTISSA_BITS - 1)
    shorter, _ = compact(card, Silent())
    assert shorter.table["weights"] == {"mantissa_bits": MANTISSA_BITS - 1}


def test_a_model_that_would_change_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = changed_shelf(tmp_path)
    files = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def worse(*given: Any) -> dict[str, Any]:
        found = measured(*given)
        found["metrics"]["wasserstein"]["mean"] *= 2
        return found

    monkeypatch.setattr("zoo.runner.compact.measured", worse)
    with pytest.raises(ShelfError, match="left as it was") as error:
        compact(find_card("tiny", root), Silent())
    assert "\n" not in str(error.value)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == files


def test_one_that_cannot_does_not_keep_the_others(tmp_path: Path, capsys: Capture) -> None:
    root = changed_shelf(tmp_path)
    assert main(["publish", str(finished_run()), "--as", "other", "--registry", str(root)]) == 0
    (root / "checkpoints" / "other" / "channels.png").write_bytes(b"altered")
    capsys.readouterr()
    assert main(["compact", "other", "tiny", "tiny", "--registry", str(root)]) == 2
    told = capsys.readouterr()
    assert "other: FAILED" in told.out
    assert "tiny: 0." in told.out
    assert "1 of 2" in told.err
    assert main(["compact", "tyni", "--registry", str(root)]) == 2
    assert "no such model" in capsys.readouterr().err
