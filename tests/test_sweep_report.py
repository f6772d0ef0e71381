"""The table and the picture of a sweep, whatever its members came to."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from rich.text import Text

from zoo.cli.table import print_table
from zoo.report.style import zoo_style
from zoo.report.sweep import draw_sweep, sweep_figure
from zoo.report.sweep_axis import axis
from zoo.report.sweep_rows import sweep_columns, sweep_notes


def member(
    label: str, values: Mapping[str, Any], distance: float | None, *, converged: bool = True, floor: float | None = 2.0
) -> dict[str, Any]:
    found = None
    if distance is not None:
        found = {"mean": distance, "std": 0.02 * distance, "interval": [0.9 * distance, 1.2 * distance]}
        found |= {"floor": floor, "in_floors": floor and distance / floor}
    return {
        "label": label,
        "run": label,
        "values": dict(values),
        "converged": converged,
        "reason": None if converged else "stage main: loss or gradient not finite at step 12",
        "parameters": 1234,
        "seconds": 60.0,
        "metrics": {"wasserstein": found, "mae": found, "rmse": None},
        "time_per_sample_ms": None,
    }


def document(members: Iterable[dict[str, Any]]) -> dict[str, Any]:
    members = list(members)
    good = [one for one in members if one["converged"] and one["metrics"]["wasserstein"]]
    best = min(good, key=lambda one: one["metrics"]["wasserstein"]["mean"], default=None)
    return {"recipe": "a_sweep", "members": members, "best": best and best["label"]}


def numbers(key: str, values: Iterable[float], last: str = "k") -> list[dict[str, Any]]:
    return [member(f"{last}={value:g}", {key: value}, 10.0 + value) for value in values]


GRID = [
    member(f"size={size}, k={k}", {"model.k": k, "model.size": size, "train.rate": size * 1e-3}, 5.0 + k / size)
    for size in (1, 2)
    for k in (64, 128, 256)
]
LABELS = [
    member("small", {"model.width": 1, "train.rate": 0.1}, 12.0),
    member("large", {"model.width": 2, "train.rate": 0.2}, 150.0, converged=False),
    member("huge, with a name that takes some room", {"model.width": 3, "train.rate": 0.2}, None, converged=False),
]


def test_one_swept_number_is_the_axis():
    along = axis(numbers("model.scheme.k", [8, 2, 4]))
    assert along.key == "k"
    assert [x for x, _ in along.series[""]] == [2, 4, 8]


def test_a_grid_is_a_curve_for_each_other_value():
    along = axis(GRID)
    assert along.key == "k"
    assert list(along.series) == ["size=1", "size=2"]
    assert [[x for x, _ in curve] for curve in along.series.values()] == [[64, 128, 256]] * 2


@pytest.mark.parametrize(
    "members",
    [
        LABELS,
        [member("a", {"k": "euler"}, 1.0), member("b", {"k": "heun"}, 2.0)],
        [member("a", {"k": True}, 1.0), member("b", {"k": False}, 2.0)],
        [member("a", {"k": 1}, 1.0), member("b", {}, 2.0)],
        [member("only", {}, 1.0)],
        [member(f"{a} {b}", {"a": a, "b": b}, 1.0) for a in range(7) for b in range(7)],
    ],
    ids=["several keys at once", "words", "switches", "absent", "one member", "too many curves"],
)
def test_other_members_stand_in_their_own_order(members: list[dict[str, Any]]):
    along = axis(members)
    assert along.key is None
    assert [one["label"] for _, one in along.series[""]] == [one["label"] for one in members]


def drawn(members: Iterable[dict[str, Any]]) -> Figure:
    with zoo_style():
        return sweep_figure(document(members))


def entries(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([2, 4, 8, 16, 32], "log"),
        ([0.01, 0.1, 0.5, 0.75, 1.0], "log"),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], "linear"),
        ([0.0, 1.0, 10.0, 100.0], "linear"),
        ([3, 4], "linear"),
        ([-1, 1, 100], "linear"),
    ],
)
def test_the_axis_is_logarithmic_where_values_are_spaced_so(values: list[float], scale: str):
    [axes] = drawn(numbers("k", values)).axes
    assert axes.get_xscale() == scale
    low, high = axes.get_xlim()
    assert low < min(values)
    assert max(values) < high
    assert [tick for tick in axes.get_xticks() if low < tick < high] == sorted(values)


def test_many_values_are_not_all_labelled():
    [axes] = drawn(numbers("k", range(1, 41))).axes
    assert len([label for label in axes.get_xticklabels() if label.get_text()]) < 15


def test_the_picture_shows_floor_best_and_failures():
    assert entries(drawn(numbers("k", [1, 2]))) == ["GEANT floor: 2.00", "best: 11.0"]
    failed = [*numbers("k", [1, 2]), member("k=3", {"k": 3}, 5.0, converged=False), member("k=4", {"k": 4}, None)]
    assert entries(drawn(failed)) == ["no result", "GEANT floor: 2.00", "best: 11.0", "last good weights"]
    assert entries(drawn(GRID))[:2] == ["size=1", "size=2"]
    figure = drawn(LABELS)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [one["label"] for one in LABELS]
    assert "did not converge" in [text.get_text() for text in figure.axes[0].texts]
    assert figure.axes[0].get_xscale() == "log"


def test_floors_that_differ_are_not_drawn_as_one():
    members = [member("a", {"k": 1}, 3.0, floor=1.0), member("b", {"k": 2}, 3.0, floor=2.0)]
    assert entries(drawn(members)) == ["best: 3.00"]


@pytest.mark.parametrize(
    "members",
    [numbers("k", [1, 2]), GRID, LABELS, [member("only", {}, 1.0, floor=None)], [member("none", {"k": 1}, None)],
     [member("a", {"k": 1}, None), member("b", {"k": 2}, None)], [member("zero", {"k": 1}, 0.0)]],
)  # fmt: skip
def test_everything_is_drawn_without_complaint(members: list[dict[str, Any]], tmp_path: Path):
    assert draw_sweep(tmp_path / "sweep.png", document(members)).read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["sweep.png"]


def test_the_table_leaves_out_what_nobody_has():
    header, rows = sweep_columns(document(LABELS))
    assert header == ["member", "params", "W", "in floors", "MAE", "trained"]
    assert [row[0] for row in rows] == [one["label"] for one in LABELS]
    assert [row[2] for row in rows] == ["12.00 ± 0.24", "150.0 ± 3.0!", "-!"]


def test_the_notes_say_what_went_wrong():
    floor, best, *failed = sweep_notes(document(LABELS))
    assert floor.endswith("GEANT to itself: 2.00.")
    assert best == "Best: small."
    assert failed == [
        f"! {one['label']} did not converge: stage main: loss or gradient not finite at step 12" for one in LABELS[1:]
    ]
    assert len(sweep_notes(document([member("none", {}, None, converged=False)]))) == 2


def test_losses_and_reconstructions_are_shown_as_such():
    shown = document([member("small", {}, 12.0) | {"loss": 3.25, "reconstructed": True}])
    header, [row] = sweep_columns(shown)
    assert row[header.index("loss")] == "3.25"
    about, reconstructed, _ = sweep_notes(shown)
    assert about.endswith("loss: of the last stage, on the test split.")
    assert "reconstructions" in reconstructed


def test_codebooks_have_columns_of_their_own():
    usage = {"entries": 256, "used": 201, "perplexity": 123.4}
    members = [member("small", {}, 12.0) | {"codebooks": {"main": usage}}, member("none", {}, 13.0)]
    header, rows = sweep_columns(document(members))
    assert [row[header.index("perplexity")] for row in rows] == ["123", "-"]
    assert [row[header.index("used")] for row in rows] == ["201", "-"]
    assert any(note.startswith("perplexity, used:") for note in sweep_notes(document(members)))
    header, _ = sweep_columns(document([members[0] | {"codebooks": {"one": usage, "two": usage}}]))
    assert {"perplexity one", "used one", "perplexity two", "used two"} <= set(header)
    assert not any("perplexity" in note for note in sweep_notes(document(LABELS)))


@pytest.mark.parametrize("members", [numbers("model.k", [1, 2, 3]), LABELS], ids=["curves", "rows"])
def test_distances_are_in_the_unit_of_the_responses(members: list[dict[str, Any]]):
    counted = document(members) | {"unit": "count"}
    with zoo_style():
        axes = sweep_figure(counted).axes[0]
    assert "mean $W_1$, counts" in (axes.get_xlabel(), axes.get_ylabel())
    assert "counts" in sweep_notes(counted)[0]
    assert "photons" in sweep_notes(document(members))[0]


def test_the_table_is_plain_in_a_pipe_and_ruled_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    shown = document(LABELS)
    print_table("a_sweep", *sweep_columns(shown), sweep_notes(shown))
    plain = capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    print_table("a_sweep", *sweep_columns(shown), sweep_notes(shown))
    ruled = Text.from_ansi(capsys.readouterr().out).plain
    assert "─" in ruled
    assert "─" not in plain
    assert max(map(len, ruled.splitlines())) <= 80
    for text in (plain, ruled):
        for cell in ("small", "12.00 ± 0.24", "150.0 ± 3.0!", "Best: small."):
            assert cell in text
