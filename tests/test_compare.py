"""`zoo compare`: cards side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from card_shelf import card, put
from processes import loaded_by

from zoo.cli.main import main
from zoo.errors import ShelfError
from zoo.report.compare import comparison, summary
from zoo.shelf.choose import choose_cards

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("zoo.shelf.shelves.clone", lambda: tmp_path)
    for name in ("zn_one", "zn_two", "zp_one"):
        put(tmp_path, card(name, detector=name[:2]))
    return tmp_path


def cells(text: str, label: str) -> list[str]:
    """What stands behind the first line of that label."""
    split = ([part.strip() for part in line.split("   ") if part.strip()] for line in text.splitlines())
    return next(parts[1:] for parts in split if len(parts) > 1 and parts[0] == label)


def test_numbers_stand_beside_each_other_with_their_floor():
    other = card("other", parameters=678, metrics={"wasserstein": {"mean": 9.5, "std": 0.25}})
    text = comparison([card("one"), other])
    assert cells(text, "parameters") == ["12,345", "678"]
    assert cells(text, "Wasserstein") == ["4.25 ± 0.13", "9.50 ± 0.25"]
    assert cells(text, "GEANT floor") == ["2.000 ± 0.050", "2.000 ± 0.050"]
    assert cells(text, "ms per response") == ["7.25", "7.25"]
    assert cells(text, "MAE") == ["21.50 ± 0.50", "-"]


def test_published_figures_stand_apart_with_all_their_digits():
    text = comparison([card("one"), card("other", published={})])
    ours, apart = text.split("published, other data")
    assert "16.99" not in ours
    assert cells(apart, "MAE") == ["16.99", "-"]
    assert "no like-for-like comparison" in apart
    assert "a paper, table 1 (other data)" in apart


def test_without_published_figures_nothing_is_said_of_them():
    assert "ublished" not in comparison([card("one", published={})])


def test_every_time_comes_with_its_device():
    text = comparison([card("one"), card("other", device="gpu: another")])
    text = text.split("Time was measured on")[1]
    assert cells(text, "one") == ["cpu: a processor, 2 threads"]
    assert cells(text, "other") == ["gpu: another"]


def test_different_detectors_are_said_to_be_no_match():
    assert "different detectors" in comparison([card("one"), card("other", detector="zp")])
    assert "different" not in comparison([card("one"), card("other")])


@pytest.mark.parametrize("models", [1, 2, 9])
def test_no_line_is_wider_than_a_terminal(models: int):
    names = [f"a_model_with_a_long_name_{number}" for number in range(models)]
    text = comparison([card(name) for name in names])
    assert max(map(len, text.splitlines())) <= 80
    assert all(name in text for name in names)


def test_a_card_that_knows_little_is_still_compared():
    bare = card("bare", metrics={}, floor={}, stages={}, data={}, evaluated={}, timing={}, published={})
    del bare["time_per_sample_ms"], bare["parameters"], bare["device"]
    assert cells(comparison([bare]), "scheme") == ["flow_matching"]
    assert summary(bare)["time_per_sample_ms"] is None


def test_metrics_of_a_detector_of_its_own_stand_below():
    further = {"ring_distance": {"mean": 1.625, "std": 0.25}, "absent_one": {"mean": None}}
    focal = card(
        "focal", unit="count", metrics=further, floor={"random_halves": {"ring_distance": {"mean": 0.875}}},
        published={"source": "a paper", "metrics": {"ring": 4.01}},
    )  # fmt: skip
    text = comparison([card("zdc"), focal])
    assert cells(text, "ring distance") == ["-", "1.62 ± 0.25"]
    assert cells(text.split("ring distance")[1], "random halves") == ["-", "0.875"]
    assert cells(text.split("published, other data")[1], "ring") == ["-", "4.01"]
    assert "absent one" not in text
    assert "in counts or photons" in text


def test_figures_of_a_metric_stand_below_what_was_measured_of_the_same():
    ring = {"mean": 1.625, "std": 0.25, "published_as": "ring"}
    measured = card(
        "measured", unit="count", metrics={"ring_distance": ring},
        timing={"seconds_10240": {"seconds": 1.625, "batch": 1024}},
        published={"source": "a paper", "seconds_10240": 25.25, "metrics": {"ring": 4.01, "haze": 7.5}},
    )  # fmt: skip
    absent = {"published_as": "ring", "about": "Absent."}
    without = card("without", unit="count", metrics={"ring_distance": absent}, published={"metrics": {"ring": 3.5}})
    text = comparison([measured, without])
    assert cells(text.split("ring distance")[1], "published, other data") == ["4.01", "3.5"]
    assert cells(text.split("s per 10,240")[1], "published, other data") == ["25.25", "-"]
    assert cells(text, "s per 10,240 (fastest)") == ["1.62", "-"]
    assert cells(text, "haze") == ["7.5", "-"], "no metric here is of that figure"
    assert not [line for line in text.splitlines() if line.split() == ["ring", "4.01", "3.5"]]
    alone = comparison([without])
    assert cells(alone, "ring distance") == ["-"], "a figure does not stand below another metric"
    assert cells(alone.split("ring distance")[1], "published, other data") == ["3.5"]
    assert "s per 10,240" not in alone
    assert summary(measured)["seconds_10240"] == 1.625


def test_sums_are_named_after_the_unit():
    sums = {"photon_sum": {"mean": 3.5, "std": 0.0}}
    assert cells(comparison([card("one", unit="count", metrics=sums)]), "count sum") == ["3.50"]
    assert cells(comparison([card("one", metrics=sums)]), "photon sum") == ["3.50"]


def test_patterns_and_names_each_model_once_in_the_order_asked_for(shelf: Path):
    assert [found.name for found in choose_cards(["zp_one", "zn_*", "zn_two"])] == ["zp_one", "zn_one", "zn_two"]
    with pytest.raises(ShelfError, match="did you mean zn_two"):
        choose_cards(["zn_twoo"])
    with pytest.raises(ShelfError, match="fits none of the 3 models"):
        choose_cards(["q*"])


def test_the_command(shelf: Path, capsys: Capture):
    assert main(["compare", "zn_*"]) == 0
    assert cells(capsys.readouterr().out, "parameters") == ["12,345", "12,345"]
    assert main(["compare", "zn_one", "zp_one", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [model["name"] for model in told] == ["zn_one", "zp_one"]
    assert told[0]["metrics"]["wasserstein"]["mean"] == 4.25
    assert told[0]["published"]["mae"] == 16.99
    assert told[0]["device"] == "cpu: a processor, 2 threads"


def test_a_damaged_card_is_one_line(shelf: Path, capsys: Capture):
    put(shelf, card("odd", metrics={"wasserstein": 3}))
    assert main(["compare", "odd"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_it_is_light(shelf: Path):
    assert (
        loaded_by(["compare", "zn_one", "--registry", str(shelf)], ("jax", "numpy", "pydantic", "matplotlib", "rich"))
        == []
    )
