"""`zoo data`: what SOURCE may be, what is printed and drawn, and one line for every mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from conftest import aimed_particles, shower

import zoo
from zoo.cli.main import main
from zoo.detectors.detector import Detector

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.evaluation.description.importances.TREES", 20)
    monkeypatch.setattr("zoo.report.style.DPI", 40)


@pytest.fixture
def folder(tmp_path: Path, zn: Detector, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: `good/` and `sums/` hold the same events, one of those in `bad/` is negative."""
    monkeypatch.chdir(tmp_path)
    particles = np.repeat(aimed_particles(zn, 24), 10, axis=0)
    counts = np.maximum(shower(zn, particles), 1).astype(np.int32)
    bad = counts.copy()
    bad[4, 0, 0] = -3
    sums = np.stack([counts[:, mask].sum(axis=1) for mask in zn.readout], axis=1)
    for name, responses in {"good": counts, "bad": bad, "sums": sums, "odd": counts[:, :9]}.items():
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "mine_responses.npz", responses)
        np.savez(tmp_path / name / "mine_particles.npz", particles)
    return tmp_path


def printed(capsys: Capture, *arguments: object, code: int = 0) -> str:
    assert main(["data", *map(str, arguments)]) == code
    return capsys.readouterr().out


def test_what_is_shipped_is_listed(capsys: Capture):
    names = [line.split()[0] for line in printed(capsys).splitlines()[1:] if line]
    events = {sample["name"]: sample["events"] for sample in json.loads(printed(capsys, "--json"))}
    assert names[: len(events)] == list(events)
    assert (events["zn"], events["zp"]) == (21124, 14472)


def test_a_folder_is_described_on_the_terminal(folder: Path, capsys: Capture):
    out = printed(capsys, "good")
    assert "24 different ones of 4 species" in out
    assert "168 train, 24 validation, 48 test" in out
    for word in ("photon", "neutron", "energy", "charge", "drives", "channel"):
        assert word in out
    assert all(len(line) <= 80 for line in out.splitlines() if str(folder) not in line)
    assert not list(folder.glob("*.png"))


def test_pictures_and_the_document_go_into_a_folder(folder: Path, capsys: Capture):
    out = printed(capsys, "good", "--out", "made/here")
    assert "made/here/data.json" in out
    pictures = {file.stem for file in (folder / "made/here").glob("*.png")}
    assert pictures == {"columns", "sums", "diversity", "responses", "embeddings"}
    for name in pictures:
        assert matplotlib.image.imread(folder / "made/here" / f"{name}.png").std() > 0.01
    document = json.loads((folder / "made/here/data.json").read_text())
    assert document["counts"]["events"] == 240
    assert document["embeddings"]["particles"]["points"] == 24


def test_json_is_all_there_is_on_standard_output(folder: Path, capsys: Capture):
    document = json.loads(printed(capsys, "good", "--json", "--events", 100))
    assert document["counts"]["events"] == 100
    assert document["detector"] == "zn"
    assert set(document) >= {"findings", "species", "columns", "channels", "diversity", "importances", "floor"}


def test_problems_are_said_last_and_change_the_exit_code(folder: Path, capsys: Capture):
    out = printed(capsys, "bad", code=1)
    assert "problem: 1 of 240 events (0.42 %) hold negative counts" in out.split("What will not work")[1]
    document = json.loads(printed(capsys, "odd", "--detector", "zn", "--json", "--out", "odd_out", code=1))
    assert "counts" not in document
    assert [file.name for file in (folder / "odd_out").iterdir()] == ["data.json"]


def test_channel_sums_need_the_detector_named(folder: Path, capsys: Capture):
    out = printed(capsys, "sums", "--detector", "zn", "--out", "made")
    assert "channel sums only" in out
    assert {file.stem for file in (folder / "made").glob("*.png")} == {"columns", "sums", "diversity", "embeddings"}


def test_a_pair_of_files_and_a_recipe_give_the_same(folder: Path, capsys: Capture):
    files = ("--responses", "good/mine_responses.npz", "--particles", "good/mine_particles.npz")
    named = json.loads(printed(capsys, *files, "--json"))
    recipe = json.loads(printed(capsys, "zn_fm", "--set", "data.path=good", "--json"))
    assert named == recipe
    metres = json.loads(
        printed(capsys, "zn_fm", "--set", "data.path=good", "--set", "data.vertex_unit=m", "--json", code=0)
    )
    assert metres["columns"]["vz"]["std"] == pytest.approx(100 * named["columns"]["vz"]["std"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "no such folder, recipe or shipped sample ("),
        (["zn_fn"], "did you mean zn"),
        (["mine_responses.npz"], "name them by --responses and --particles"),
        (["good", "--detector", "zm"], "no such detector"),
        (["good", "--detector"], None),
        (["good", "--set", "train.epochs=5"], "--set changes a recipe"),
        (["zn", "--detector", "zp"], "zn is the sample of its own detector"),
        (["zn_fm", "--detector", "zp"], "--set detector=zp"),
        (["zn_fm", "--set", "data.path=nowhere"], "no such folder"),
        (["--out", "somewhere"], "--out needs a SOURCE"),
        (["--responses", "good/mine_responses.npz"], "belong together"),
        (["good", "--responses", "a.npz", "--particles", "b.npz"], "either SOURCE or"),
        (["--responses", "a.npz", "--particles", "b.npz"], "no such file"),
        (["sums"], "fit zn and zp; choose with --detector"),
        (["odd"], "fit no detector ("),
        (["good", "--out", "good/mine_responses.npz"], "is not a folder"),
        (["."], "found none"),
        (["good", "--events", "0"], None),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], words: str | None, folder: Path, capsys: Capture):
    if words is None:
        with pytest.raises(SystemExit) as left:
            main(["data", *arguments])
        assert left.value.code == 2
        return
    assert main(["data", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("zoo: ")
    assert error.count("\n") == 1


def test_help_is_light():
    code = """
import sys
from zoo.cli import main
try:
    main(["data", "--help"])
except SystemExit:
    pass
print([name for name in ("jax", "numpy", "pydantic", "matplotlib", "rich", "sklearn") if name in sys.modules])
"""
    environment = os.environ | {"PYTHONPATH": str(Path(zoo.__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "[]"
