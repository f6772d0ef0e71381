"""`zoo run` on a sweep: every member once, whatever happens in between, then one table and one plot."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import ENTRY, RECIPES, python, weights

from zoo.cli.main import main
from zoo.recipe.load import load_recipe
from zoo.runner.lock import DirectoryLock
from zoo.runner.run import RunOptions
from zoo.runner.signals import Interrupted, StopRequest
from zoo.runner.sweep_directory import SweepDirectory

TINY = RECIPES / "tiny_sweep.toml"
MEMBERS = ("width=4", "width=6")


def sweep(runs: Path, *arguments: object) -> int:
    return main(["run", str(TINY), "--runs", str(runs), *map(str, arguments)])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("undisturbed")
    assert sweep(runs) == 0
    return runs / "tiny_sweep" / "001"


@pytest.fixture
def copied(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy to be spoiled."""
    return Path(shutil.copytree(undisturbed, tmp_path / "tiny_sweep" / "001"))


def states(folder: Path) -> dict[str, int]:
    """When every file was written."""
    return {str(file): file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_every_member_is_an_ordinary_run(undisturbed: Path, capsys: pytest.CaptureFixture[str]):
    for label, width in zip(MEMBERS, (4, 6), strict=True):
        run = undisturbed / label
        recipe = load_recipe(run / "recipe.toml").recipe
        assert recipe.stages["main"].model.scheme.network.width == width
        for name in ("environment.json", "metrics.jsonl", "result.json", "log.txt", "plots/learning.png"):
            assert (run / name).stat().st_size > 0
        assert json.loads((run / "result.json").read_text())["recipe"] == f"tiny_sweep/{label}"
        assert main(["run", str(run)]) == 0
        assert f"tiny_sweep/{label}" in capsys.readouterr().out


def test_the_document_holds_what_table_and_plot_need(undisturbed: Path):
    document = json.loads((undisturbed / "sweep.json").read_text())
    assert (document["recipe"], document["detector"]) == ("tiny_sweep", "zn")
    assert [member["label"] for member in document["members"]] == list(MEMBERS)
    for member, width in zip(document["members"], (4, 6), strict=True):
        result = json.loads((undisturbed / member["run"] / "result.json").read_text())
        assert member["values"] == {"model.scheme.network.width": width}
        assert member["converged"] is True
        assert member["parameters"] == result["parameters"]
        for name in ("mean", "std", "interval", "floor", "in_floors"):
            assert member["metrics"]["wasserstein"][name] == result["metrics"]["wasserstein"][name]
    means = [member["metrics"]["wasserstein"]["mean"] for member in document["members"]]
    assert document["best"] == MEMBERS[int(np.argmin(means))]
    assert (undisturbed / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_a_finished_sweep_is_shown_not_repeated(undisturbed: Path, capsys: pytest.CaptureFixture[str]):
    before = states(undisturbed)
    assert sweep(undisturbed.parents[1]) == 0
    assert main(["run", str(undisturbed)]) == 0
    assert states(undisturbed) == before
    once, twice = capsys.readouterr().out.split("tiny_sweep\n")[1:]
    assert once == twice
    header, first, second, *rest = once.splitlines()[1:]
    assert header.split()[:2] == ["member", "params"]
    assert (first.split()[0], second.split()[0]) == MEMBERS
    assert str(undisturbed / "sweep.json") in "".join(rest)


class Stopping(StopRequest):
    """A stop request that comes on its own, at the n-th time somebody asks."""

    left = 0

    def check(self) -> None:
        Stopping.left -= 1
        if Stopping.left == 0:
            self.number = signal.SIGTERM
        super().check()


def interrupted(runs: Path, asked: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run until a stop is asked for the n-th time; the exit code."""
    Stopping.left = asked
    with monkeypatch.context() as patched:
        patched.setattr("zoo.runner.run.StopRequest", Stopping)
        patched.setattr("zoo.runner.sweep.StopRequest", Stopping)
        return sweep(runs)


# It is asked at each of 18 training steps, at each of 2 generated chunks, and after a member.
@pytest.mark.parametrize("asked", [1, 20, 25])
def test_stopped_anywhere_and_continued_it_ends_in_the_same_bits(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: int
):
    folder = tmp_path / "tiny_sweep" / "001"
    assert interrupted(tmp_path, asked, monkeypatch) == 128 + signal.SIGTERM
    assert not (folder / "sweep.json").exists()
    assert "everything is saved. Continue with:\n  zoo" in capsys.readouterr().err
    done = [label for label in MEMBERS if (folder / label / "result.json").exists()]
    before = {label: states(folder / label) for label in done}
    assert sweep(tmp_path) == 0
    said = capsys.readouterr().err
    assert f"continuing {folder}\n" in said
    assert "\nwidth=6: train main: " in said
    for label in MEMBERS:
        assert weights(folder / label, "main") == weights(undisturbed / label, "main")
        first, second = (json.loads((path / label / "result.json").read_text()) for path in (folder, undisturbed))
        assert first["metrics"] == second["metrics"]
    assert {label: states(folder / label) for label in done} == before, "a finished member was touched"


def test_two_stops_in_a_row(undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert interrupted(tmp_path, 12, monkeypatch) == 143
    assert interrupted(tmp_path, 12, monkeypatch) == 143
    assert main(["run", str(tmp_path / "tiny_sweep" / "001")]) == 0
    for label in MEMBERS:
        assert weights(tmp_path / "tiny_sweep" / "001" / label, "main") == weights(undisturbed / label, "main")


def test_killed_before_the_table_it_only_draws(copied: Path):
    (copied / "sweep.json").unlink()
    (copied / "sweep.png").unlink()
    before = {label: states(copied / label) for label in MEMBERS}
    assert sweep(copied.parents[1]) == 0
    assert (copied / "sweep.png").exists()
    assert {label: states(copied / label) for label in MEMBERS} == before


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert main(["run", *map(str, arguments)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("zoo: ")
    return said


def test_changed_values_are_refused_with_what_changed(copied: Path, capsys: pytest.CaptureFixture[str]):
    (copied / "sweep.json").unlink()
    runs = copied.parents[1]
    said = refused(capsys, TINY, "--runs", runs, "--set", "sweep.model.scheme.network.width=[4,8]")
    assert '  sweep, the members: ["width=4", "width=6"] -> ["width=4", "width=8"]\n' in said
    assert f"zoo run {copied} " in said
    said = refused(capsys, TINY, "--runs", runs, "--set", "train.batch_size=32")
    assert said.count("train.batch_size: 16 -> 32") == 1
    said = refused(capsys, copied, "--set", "seed=7")
    assert "  seed: 42 -> 7\n" in said


def test_a_finished_sweep_makes_room_for_another(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    runs = copied.parents[1]
    started: list[Path] = []
    monkeypatch.setattr("zoo.runner.sweep.run_in", lambda run, *_: started.append(run.path) or stop())
    with pytest.raises(Interrupted):
        run_again(runs, "--set", "sweep.model.scheme.network.width=[5]")
    with pytest.raises(Interrupted):
        run_again(runs, "--new")
    with pytest.raises(Interrupted):
        run_again(runs, "--id", "mine")
    folder = copied.parent
    assert started == [folder / "002" / "width=5", folder / "003" / "width=4", folder / "mine" / "width=4"]
    del capsys


def run_again(runs: Path, *arguments: object) -> None:
    code = sweep(runs, *arguments)
    assert code == 130
    raise Interrupted(signal.SIGINT)


def stop() -> None:
    raise Interrupted(signal.SIGINT)


def test_directories_of_runs_and_sweeps_are_not_mixed_up(copied: Path, capsys: pytest.CaptureFixture[str]):
    runs, single = copied.parents[1], copied.parents[1] / "tiny_sweep.toml"
    text = TINY.read_text().partition("[sweep]")[0]
    single.write_text(text.replace("network = {", "network = { width = 4,"))
    assert "a sweep, not a single run" in refused(capsys, single, "--runs", runs, "--id", "001")
    (copied.parent / "one").mkdir()
    shutil.copy(copied / "width=4" / "recipe.toml", copied.parent / "one")
    assert "a single run, not a sweep" in refused(capsys, TINY, "--runs", runs, "--id", "one")
    assert "use letters" in refused(capsys, TINY, "--runs", runs, "--id", "a/b")


def test_one_process_at_a_time(copied: Path, capsys: pytest.CaptureFixture[str]):
    (copied / "sweep.json").unlink()
    with DirectoryLock(copied):
        assert "another process is working on this run" in refused(capsys, copied)
    assert main(["run", str(copied)]) == 0


def test_parts_that_do_not_fit_are_found_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    member = '[[sweep.members]]\nlabel = "net"\nmodel.maps = "impact_maps"'
    (tmp_path / "odd.toml").write_text(f'extends = "{TINY}"\n{member}')
    said = refused(capsys, tmp_path / "odd.toml", "--runs", tmp_path, "--set", "model.scheme.network=patch_transformer")
    assert said.count("\n") == 2
    assert "odd.toml: net, width=4: stage main: architecture 'patch_transformer' needs an image" in said
    assert not (tmp_path / "odd").exists()


@pytest.fixture
def shares(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[float | None]]]:
    """Starts a sweep in which nothing is run: the seconds that every member is given."""

    def started(runs: Path, *arguments: object) -> list[float | None]:
        seconds: list[float | None] = []
        monkeypatch.setattr(
            "zoo.runner.sweep.run_in", lambda run, recipe, options, observer: seconds.append(options.time_limit)
        )
        monkeypatch.setattr("zoo.runner.sweep._finish", lambda *_: stop())
        assert sweep(runs, *arguments) == 130
        return seconds

    return started


def test_a_time_limit_is_shared_equally_and_stays(
    tmp_path: Path, shares: Callable[..., list[float | None]], capsys: pytest.CaptureFixture[str]
):
    assert shares(tmp_path) == [None, None]
    assert shares(tmp_path, "--new", "--time-limit", "10m", "--id", "a") == [300.0, 300.0]
    capsys.readouterr()
    assert shares(tmp_path, "--id", "a") == [300.0, 300.0]
    assert "which stays" not in capsys.readouterr().err
    assert shares(tmp_path, "--id", "a", "--time-limit", "2h") == [300.0, 300.0]
    assert "started with a time limit of 10 min, which stays" in capsys.readouterr().err
    assert shares(tmp_path, "--id", "001", "--time-limit", "2h") == [None, None]
    assert "started without a time limit, which stays" in capsys.readouterr().err


EXPLODING = """\
extends = "{recipe}"
[[sweep.members]]
label = "calm"
[[sweep.members]]
label = "explodes"
model.scheme.explode_at = 5
[[sweep.members]]
label = "calm, too"
seed = 6
"""


def test_a_member_that_diverges_stops_nothing(tmp_path: Path):
    (tmp_path / "toys.toml").write_text(EXPLODING.format(recipe=RECIPES / "toy_players.toml"))
    done = python(ENTRY, "run", tmp_path / "toys.toml", "--runs", tmp_path, "--set", "evaluate.events=20", toy=True)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads((tmp_path / "toys" / "001" / "sweep.json").read_text())
    assert [(member["label"], member["converged"]) for member in document["members"]] == [
        ("calm", True),
        ("explodes", False),
        ("calm, too", True),
    ]
    assert document["members"][1]["reason"] == "stage main: loss or gradient not finite at step 6"
    assert document["best"] != "explodes"
    assert "! explodes did not converge: stage main: loss or gradient not finite at step 6" in done.stdout
    [row] = [line for line in done.stdout.splitlines() if line.startswith("explodes")]
    assert row.split()[4].endswith("!") or "!" in row


def test_a_sweep_without_a_single_good_member_says_so(copied: Path):
    (copied / "sweep.json").unlink()
    for label in MEMBERS:
        file = copied / label / "result.json"
        result = json.loads(file.read_text())
        file.write_text(json.dumps(result | {"converged": False, "reason": "stage main: lost", "metrics": None}))
    assert main(["run", str(copied)]) == 1
    document = SweepDirectory(copied).result()
    assert document["best"] is None
    assert (copied / "sweep.png").exists()
    assert RunOptions().time_limit is None
