"""How the entries of a codebook are used: the numbers, the table and the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from zoo.architectures.codebooks.codebook import perplexity
from zoo.detectors.detector import Detector
from zoo.evaluation.metrics.usage import usage
from zoo.report.plots import draw_run
from zoo.report.tables import result_table

counted = st.lists(st.integers(0, 50), min_size=1, max_size=40).filter(any).map(np.array)


@given(counted)
def test_the_perplexity_lies_between_one_and_the_entries_used(counts: np.ndarray):
    told = usage(counts)
    assert told["entries"] == len(counts)
    assert told["used"] == (counts > 0).sum()
    assert 1 - 1e-9 <= told["perplexity"] <= told["used"] + 1e-9
    assert usage(np.concatenate([7 * counts, [0]])[::-1])["perplexity"] == pytest.approx(told["perplexity"])


@given(st.integers(1, 300), st.integers(1, 9), st.integers(0, 9))
def test_entries_used_evenly_are_as_many_as_the_perplexity_says(used: int, times: int, unused: int):
    told = usage(np.array([times] * used + [0] * unused))
    assert told == {"entries": used + unused, "used": used, "perplexity": pytest.approx(used)}


def test_it_is_the_perplexity_of_training():
    ids = np.random.default_rng(0).zipf(1.5, 400) % 12
    assert usage(np.bincount(ids, minlength=12))["perplexity"] == pytest.approx(
        float(perplexity(jnp.asarray(ids), 12)), rel=1e-5
    )


def result(counts: np.ndarray, **changed: Any) -> dict[str, Any]:
    stage = {"steps": 3, "examples_seen": 12, "seconds": 1.0, "codebook": usage(counts)}
    return {"recipe": "codes", "stages": {"codes": stage | changed}}


COUNTS = np.array([3, 0, 9, 3, 0])


@pytest.mark.parametrize(
    ("changed", "errors", "heading"),
    [
        ({"reconstruction": {"metrics": {"mae": {"mean": 2.0}}}}, None, "Reconstructions of the test split"),
        ({"errors": {"loss": 0.1}}, None, "Errors on the test split"),
        ({"errors": {"loss": 0.1}}, {"loss": 0.1}, "Codebook on the test split"),
    ],
)
def test_the_table_has_a_line_about_it(changed: dict[str, Any], errors: dict[str, float] | None, heading: str):
    text = result_table(result(COUNTS, **changed) | {"errors": errors})
    below = text.split(f"{heading}, stage codes")[1].split("\n\n")[0]
    assert " ".join(below.split()).endswith("codebook 3 of 5 entries used, perplexity 2.59")


def drawn(
    counts: dict[str, np.ndarray], about: dict[str, Any], zn: Detector, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Path], Figure]:
    """The files, and the only figure of a run that has nothing but codebooks."""
    figures: list[Figure] = []

    def save(figure: Figure, path: Path) -> Path:
        figure.canvas.draw()
        figures.append(figure)
        return path

    monkeypatch.setattr("zoo.report.plots.save", save)
    files = draw_run(Path(), zn, about, [], {f"codebook_{stage}": each for stage, each in counts.items()})
    [figure] = figures
    return files, figure


def test_every_entry_is_drawn_by_its_rank(zn: Detector, monkeypatch: pytest.MonkeyPatch):
    files, figure = drawn({"codes": COUNTS}, result(COUNTS), zn, monkeypatch)
    assert [file.name for file in files] == ["codebook.png"]
    [axes] = figure.axes
    assert axes.get_title(loc="left") == "stage codes: perplexity 2.59, 3 of 5 used"
    patch = axes.patches[0]
    assert isinstance(patch, StepPatch)
    shares, edges, _ = patch.get_data()
    np.testing.assert_allclose(shares, [0.6, 0.2, 0.2])
    np.testing.assert_array_equal(edges, [0, 1, 2, 3])
    assert axes.get_xlim() == (0, 5)
    even, _ = axes.lines[0].get_data()
    assert float(np.max(even)) == pytest.approx(usage(COUNTS)["perplexity"])
    assert {text.get_text() for text in axes.texts} >= {"2 never used"}


@pytest.mark.parametrize(
    "counts", [np.array([0, 90, 0]), np.full(64, 2), np.array([10**9, 1]), np.arange(700) % 350], ids=len
)
def test_degenerate_codebooks_are_drawn(counts: np.ndarray, zn: Detector, monkeypatch: pytest.MonkeyPatch):
    """One entry for everything; all alike; the largest contrast; many."""
    about = {"stages": {"one": {}, "two": {"codebook": usage(counts)}}}
    _, figure = drawn({"one": counts, "two": counts}, about, zn, monkeypatch)
    titles = [axes.get_title(loc="left").partition(": ")[2] for axes in figure.axes]
    assert titles[0] == titles[1]
    assert all(axes.get_ylim()[0] > 0 for axes in figure.axes)
