"""The commands, driven in-process except where a fresh process matters."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tomli
import tomli_w
from shelf_runs import RECIPE, changed_run, changed_shelf, finished_run, shelf

import zoo
from zoo.cli import sample as sampling
from zoo.cli.array_file import ArrayFile
from zoo.cli.hdf5 import Hdf5File
from zoo.cli.main import VERBS, main
from zoo.cli.npz import NpzFile
from zoo.data.archive import read_array
from zoo.errors import ZooError
from zoo.runner.observer import Silent

SHIPPED = Path(zoo.__file__).parent / "data" / "shipped" / "zn.npz"

Capture = pytest.CaptureFixture[str]

pytestmark = pytest.mark.filterwarnings("ignore:.*was not trained there")
"""The tiny model was trained with a hundred events and is asked about others."""


@pytest.fixture(autouse=True)
def no_other_shelf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZOO_HOME", str(shelf()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("zoo.shelf.shelves.clone", lambda: tmp_path)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("events")
    counts, particles = read_array(SHIPPED, "responses")[:50], read_array(SHIPPED, "particles")[:50]
    files = SimpleNamespace(responses=folder / "responses.npz", particles=folder / "particles.npz")
    np.savez(files.responses, counts)
    np.savez(files.particles, particles)
    return files


def failing(capsys: Capture, *arguments: object) -> str:
    """What a command says that ends with exit code 2; one line."""
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("zoo: ")
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


def printed(capsys: Capture, *arguments: object) -> str:
    """What a command prints that succeeds."""
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def in_fresh_process(code: str) -> str:
    root = str(Path(zoo.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": root, "ZOO_HOME": str(shelf())}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        *(["list"], ["list", "--json"], ["show", "tiny"], ["show", "tiny", "--json"], ["cite", "tiny"]),
        *(["--help"], ["run", "--help"], ["sample", "--help"], ["verify", "--help"]),
    ],
)
def test_the_door_is_light(arguments: list[str]) -> None:
    heavy = ("jax", "numpy", "pydantic", "matplotlib", "rich")
    code = f"""
import sys
from zoo.cli import main
try:
    assert main({arguments!r}) == 0
except SystemExit as left:
    assert left.code == 0
print("LOADED", [name for name in {heavy!r} if name in sys.modules])
"""
    assert in_fresh_process(code).splitlines()[-1] == "LOADED []"


def test_importing_zoo_is_light() -> None:
    code = "import sys, zoo; zoo.load; print([name for name in ('jax', 'numpy', 'pydantic') if name in sys.modules])"
    assert in_fresh_process(code).strip() == "[]"


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_explains_itself(verb: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert f"zoo {verb}" in text.split("examples:")[1]


def test_list_shows_fidelity_beside_the_floor(capsys: Capture) -> None:
    block, header, row, *_ = printed(capsys, "list").splitlines()
    assert block == "detector zn, trained on sample/zn, W in photons"
    assert header.split() == ["name", "scheme", "params", "W", "floor", "ms"]
    name, scheme, parameters, distance, floor, time = row.split()
    result = json.loads((finished_run() / "result.json").read_text())
    assert (name, scheme) == ("tiny", "factorised")
    assert parameters == f"{result['parameters']:,}"
    assert float(distance) == pytest.approx(result["metrics"]["wasserstein"]["mean"], rel=0.01)
    assert float(floor) == pytest.approx(result["floor"]["repeats"]["wasserstein"]["mean"], rel=0.01)
    assert float(time) == pytest.approx(result["time_per_sample_ms"], rel=0.01)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A shelf of cards without files: ten models, one of them diverged and without a time."""
    root = changed_shelf(tmp_path)
    card = tomli.loads((root / "registry" / "tiny.toml").read_text())
    for number in range(10):
        table = card | {
            "name": f"model_with_a_name_{number + 1}",
            "detector": ("zn", "zp")[number % 2],
            "scheme": ("flow_matching", "factorised")[number < 3],
            "parameters": 1000 * ((number + 3) % 10),
            "time_per_sample_ms": 10.0 - number,
        }
        table["metrics"] = card["metrics"] | {"wasserstein": {"mean": float((7 * number) % 10)}}
        if number == 9:
            table["converged"] = False
            del table["time_per_sample_ms"]
        (root / "registry" / f"{table['name']}.toml").write_text(tomli_w.dumps(table))
    return root


def names(capsys: Capture, *arguments: object) -> list[str]:
    return [row["name"] for row in json.loads(printed(capsys, "list", "--json", *arguments))]


def test_list_sorts_by_name_as_people_do(many: Path, capsys: Capture) -> None:
    assert names(capsys, "--registry", many) == [*(f"model_with_a_name_{n}" for n in range(1, 11)), "tiny"]


def test_list_sorts_by_numbers_with_the_unknown_last(many: Path, capsys: Capture) -> None:
    assert names(capsys, "--registry", many, "model", "--sort", "wasserstein")[:2] == [
        "model_with_a_name_1",
        "model_with_a_name_4",
    ]
    by_time = names(capsys, "--registry", many, "model_*", "--sort", "time")
    assert by_time[0] == "model_with_a_name_9"
    assert by_time[-1] == "model_with_a_name_10"
    by_size = names(capsys, "--registry", many, "model", "--sort", "parameters")
    assert by_size[:3] == ["model_with_a_name_8", "model_with_a_name_9", "model_with_a_name_10"]


def test_list_keeps_detectors_apart(many: Path, capsys: Capture) -> None:
    lines = printed(capsys, "list", "--registry", many, "model", "--sort", "wasserstein").splitlines()
    blocks = [number for number, line in enumerate(lines) if line.startswith("detector")]
    assert [lines[number] for number in blocks] == [
        f"detector {d}, trained on sample/zn, W in photons" for d in ("zn", "zp")
    ]
    for first in blocks:
        distances = [float(line.split()[3].rstrip("!")) for line in lines[first + 2 : first + 7]]
        assert distances == sorted(distances)
        assert len(distances) == 5


def test_list_filters(many: Path, capsys: Capture) -> None:
    assert names(capsys, "--registry", many, "--detector", "zp", "--scheme", "factorised") == ["model_with_a_name_2"]
    assert names(capsys, "--registry", many, "*_1") == ["model_with_a_name_1"]
    assert names(capsys, "--registry", many, "name_1") == ["model_with_a_name_1", "model_with_a_name_10"]
    assert "None of the 11 models" in printed(capsys, "list", "--registry", many, "nothing")


def test_list_fits_a_terminal_and_marks_what_diverged(many: Path, capsys: Capture) -> None:
    lines = printed(capsys, "list", "--registry", many).splitlines()
    assert max(map(len, lines)) <= 80
    (diverged,) = [line for line in lines if line.startswith("  model_with_a_name_10")]
    assert "3.00!" in diverged.split()
    assert lines[-1].startswith("W!")


def test_an_empty_shelf_says_how_to_fill_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    monkeypatch.setattr("zoo.shelf.card.shelves", lambda registry: [])
    assert "zoo publish" in printed(capsys, "list")
    assert json.loads(printed(capsys, "list", "--json")) == []


def test_list_survives_cards_it_cannot_read(tmp_path: Path, capsys: Capture) -> None:
    root = changed_shelf(tmp_path)
    (root / "registry" / "future.toml").write_text('schema_version = 7\nname = "future"\n')
    (root / "registry" / "broken.toml").write_text("= = =")
    text = printed(capsys, "list", "--registry", root)
    assert "future  card of schema 7" in text
    assert "broken  not a card" in text
    assert "1 model." in text
    problems = {
        row["name"]: row.get("problem") for row in json.loads(printed(capsys, "list", "--json", "--registry", root))
    }
    assert problems["tiny"] is None
    assert problems["future"]
    assert "upgrade" in failing(capsys, "show", "future", "--registry", root)


def test_show_tells_the_whole_card(capsys: Capture) -> None:
    text = printed(capsys, "show", "tiny")
    card = tomli.loads((shelf() / "registry" / "tiny.toml").read_text())
    for part in (
        card["data"]["sha256"],
        card["recipe_digest"][:16],
        "Apache-2.0",
        "brun1994geant",
        "jax",
        "a paper, table 1",
    ):
        assert part in text
    assert json.loads(printed(capsys, "show", "tiny", "--json")) == card


def test_show_of_a_spoiled_card_is_one_line(tmp_path: Path, capsys: Capture) -> None:
    root = changed_shelf(tmp_path)
    card = tomli.loads((root / "registry" / "tiny.toml").read_text())
    card["metrics"]["wasserstein"] = "small"
    (root / "registry" / "tiny.toml").write_text(tomli_w.dumps(card))
    assert "damaged card" in failing(capsys, "show", "tiny", "--registry", root)
    assert "tiny" in printed(capsys, "list", "--registry", root)


def test_show_suggests_the_nearest_name(capsys: Capture) -> None:
    assert "did you mean tiny?" in failing(capsys, "show", "tinyy")


def test_check_builds_without_weights(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "one.toml").write_text(RECIPE)
    wider = RECIPE.replace("width = 4", "width = 8")
    (tmp_path / "two.toml").write_text(wider)
    one, two = json.loads(printed(capsys, "check", "--build", "--json", "one.toml", "two.toml"))
    result = json.loads((finished_run() / "result.json").read_text())
    assert one["recipe"] == "one"
    assert one["parameters"] == {name: stage["parameters"] for name, stage in result["stages"].items()}
    assert one["total"] == result["parameters"]
    assert two["total"] == sum(count for stage in two["parameters"].values() for count in stage.values()) > one["total"]
    text = printed(capsys, "check", "--build", "one.toml")
    assert f"{one['total']:,} parameters" in text
    assert "shape.network" in text


def test_check_without_building(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "one.toml").write_text(RECIPE)
    assert printed(capsys, "check", "one.toml") == "one.toml: good\n"
    assert printed(capsys, "check", "one.toml", "--set", "stages.sums.train.epochs=2") == "one.toml: good\n"


def test_check_tells_all_problems_of_all_files(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "good.toml").write_text(RECIPE)
    (tmp_path / "typos.toml").write_text(RECIPE.replace("batch_size", "batch_sise").replace("seed = 3", "seed = -3"))
    assert main(["check", "typos.toml", "good.toml", "missing.toml"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "good.toml: good\n"
    problems = captured.err.removeprefix("zoo: ").splitlines()
    assert len(problems) == 4
    assert sum("batch_sise" in problem and "batch_size" in problem for problem in problems) == 2
    assert sum(problem.startswith("typos.toml") for problem in problems) == 3
    assert problems[-1].startswith("missing.toml")


def test_check_names_file_and_stage_of_what_does_not_fit(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "odd.toml").write_text(
        RECIPE.replace(
            'condition = "kinematic"\n\n[stages.shape', 'condition = "kinematic"\ntarget = "channels"\n\n[stages.shape'
        )
    )
    assert printed(capsys, "check", "odd.toml") == "odd.toml: good\n"
    assert failing(capsys, "check", "--build", "odd.toml").startswith("zoo: odd.toml: stage shape: ")


def test_components_are_listed(capsys: Capture) -> None:
    text = printed(capsys, "components")
    assert "architecture" in text
    assert "flow_matching" in text
    rows = json.loads(printed(capsys, "components", "sampler", "--json"))
    assert {row["kind"] for row in rows} == {"sampler"}
    assert "euler" in {row["name"] for row in rows}
    assert "did you mean sampler?" in failing(capsys, "components", "samplr")


def test_describe_explains_every_key(capsys: Capture) -> None:
    text = printed(capsys, "describe", "unet")
    (unet,) = json.loads(printed(capsys, "describe", "unet", "--json"))
    assert unet["kind"] == "architecture"
    assert all(f"  {key['key']}: " in text for key in unet["keys"])
    assert max(map(len, text.splitlines())) <= 80
    assert "did you mean unet?" in failing(capsys, "describe", "uned")


def test_sample_writes_what_the_model_gives(tmp_path: Path, events: SimpleNamespace, capsys: Capture) -> None:
    out = tmp_path / "out.npz"
    printed(capsys, "sample", "tiny", "--particles", events.particles, "--out", out, "--seed", 4)
    responses = np.load(out, allow_pickle=False)["arr_0"]
    assert (responses.shape, responses.dtype) == ((50, 44, 44), np.float32)
    expected = zoo.load("tiny").sample(read_array(events.particles), seed=4)
    assert np.array_equal(responses, expected)
    assert list(tmp_path.iterdir()) == [out]
    assert "--force" in failing(capsys, "sample", "tiny", "--particles", events.particles, "--out", out)
    arguments = ["--repeats", 2, "--round", "--batch", 20, "--force", "--seed", 4]
    printed(capsys, "sample", finished_run(), "--particles", events.particles, "--out", out, *arguments)
    rounded = np.load(out, allow_pickle=False)["arr_0"]
    assert (rounded.shape, rounded.dtype) == ((2, 50, 44, 44), np.uint16)
    assert not np.array_equal(rounded[0], rounded[1])
    assert rounded.sum() > 0


class Bright:
    """Stands for a model whose later responses need more than sixteen bits."""

    name, shape = "bright", (2, 2)

    def __init__(self, *peaks: float) -> None:
        self._peaks = peaks

    def chunks(self, particles: np.ndarray, **_: object) -> Iterator[tuple[slice, np.ndarray]]:
        for number, peak in enumerate(self._peaks):
            yield slice(number, number + 1), np.full((1, 2, 2), peak, np.float32)


def test_rounded_photons_get_the_dtype_they_need(tmp_path: Path) -> None:
    options = SimpleNamespace(out=tmp_path / "out.npz", round=True, repeats=1, seed=0, batch=1)
    model = Bright(3.4, 70_000.6)
    assert not sampling._generate(model, np.zeros((2, 9)), "uint16", options, Silent())
    assert list(tmp_path.iterdir()) == []
    assert sampling._generate(model, np.zeros((2, 9)), "uint32", options, Silent())
    assert np.load(options.out)["arr_0"][:, 0, 0].tolist() == [3, 70_001]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nothing", "--out", "x.npz"], "no such model"),
        (["../tiny", "--out", "x.npz"], "neither"),
        (["tiny", "--out", "x.txt"], "must end in .npz"),
        (["tiny", "--out", "nowhere/x.npz"], "no folder"),
        (["tiny", "--out", "x.npz", "--seed", "4294967296"], "below 2^32"),
        (["tiny", "--out", "x.npz", "--particles", "missing.npz"], "no such file"),
        (["tiny", "--out", "x.npz", "--registry", "nowhere"], "not a shelf"),
        (["tiny", "--out", "x.npz", "--pdg", "n"], "does not go with --particles"),
    ],
)
def test_sample_refuses_in_one_line(
    arguments: list[str], complaint: str, events: SimpleNamespace, tmp_path: Path, capsys: Capture
) -> None:
    given = arguments if "--particles" in arguments else [*arguments, "--particles", events.particles]
    assert complaint in failing(capsys, "sample", *given)
    assert list(tmp_path.iterdir()) == []


def test_sample_of_other_arrays_leaves_nothing(tmp_path: Path, events: SimpleNamespace, capsys: Capture) -> None:
    assert "particles have shape" in failing(
        capsys, "sample", "tiny", "--particles", events.responses, "--out", tmp_path / "out.npz"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", [["--repeats", "0"], ["--batch", "-1"], ["--seed", "x"]])
def test_numbers_out_of_range_are_usage_errors(option: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as left:
        main(["sample", "tiny", "--particles", "p.npz", "--out", "o.npz", *option])
    assert left.value.code == 2
    assert "whole number" in capsys.readouterr().err


def read(path: Path) -> np.ndarray:
    """The array of a file, by other means than those it was written with."""
    if path.suffix == ".npz":
        return np.load(path, allow_pickle=False)["arr_0"]
    with h5py.File(path) as file:
        return np.asarray(file["responses"])


FORMATS = pytest.mark.parametrize(("kind", "name"), [(NpzFile, "a.npz"), (Hdf5File, "a.h5")])


@FORMATS
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("axes", [1, 2])
def test_an_array_file_is_what_others_read(
    tmp_path: Path, kind: type[ArrayFile], name: str, compress: bool, axes: int
) -> None:
    values = np.arange(48, dtype=np.uint16).reshape((8, 3, 2) if axes == 1 else (2, 4, 3, 2))
    with kind(tmp_path / name, values.shape[:axes], (3, 2), values.dtype, compress=compress) as file:
        assert not (tmp_path / name).exists()
        for block in values.reshape(-1, 2, 3, 2):
            file.write(block)
    assert np.array_equal(read(tmp_path / name), values)


def fill(kind: type[ArrayFile], path: Path, rows: int, expected: int, error: BaseException | None = None) -> None:
    """Write so many rows of a thousand numbers into a file that expects others, then fail."""
    with kind(path, (expected,), (1000,), np.dtype("f8"), compress=False) as file:
        for _ in range(rows):
            file.write(np.ones((1, 1000)))
        if error is not None:
            raise error


@FORMATS
def test_an_array_file_is_whole_or_not_there(tmp_path: Path, kind: type[ArrayFile], name: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        fill(kind, tmp_path / name, 2, 2, KeyboardInterrupt())
    fill(kind, tmp_path / name, 1, 2)
    assert list(tmp_path.iterdir()) == []


@FORMATS
def test_a_full_disk_is_one_line(tmp_path: Path, kind: type[ArrayFile], name: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(ZooError, match=rf"{name}: cannot be written") as error:
            fill(kind, tmp_path / name, 100, 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_evaluate_repeats_the_run_to_the_bit(capsys: Capture) -> None:
    document = json.loads(printed(capsys, "evaluate", "tiny", "--json"))
    result = json.loads((finished_run() / "result.json").read_text())
    assert document["metrics"] == result["metrics"]
    assert document["floor"] == result["floor"]
    assert document["evaluated"] == result["evaluated"]
    assert document.keys() == result.keys()


def test_evaluate_on_given_events(events: SimpleNamespace, capsys: Capture) -> None:
    files = ["--responses", events.responses, "--particles", events.particles]
    text = printed(capsys, "evaluate", "tiny", *files, "--repeats", 1, "--events", 20)
    assert "20 events" in text
    assert "Wasserstein" in text
    assert "a paper, table 1" in text


def test_evaluate_judges_responses_made_elsewhere(tmp_path: Path, events: SimpleNamespace, capsys: Capture) -> None:
    truth = read_array(events.responses)
    np.savez(tmp_path / "same.npz", truth)
    np.savez(tmp_path / "shifted.npz", np.stack([truth, truth + 1]))
    files = ["--responses", events.responses, "--particles", events.particles, "--detector", "zn"]
    same = json.loads(printed(capsys, "evaluate", "--generated", tmp_path / "same.npz", *files, "--json"))
    assert same["metrics"]["wasserstein"]["mean"] == 0
    assert same["evaluated"]["events"] == 50
    shifted = json.loads(
        printed(capsys, "evaluate", "--generated", tmp_path / "shifted.npz", *files, "--json", "--events", 30)
    )
    assert shifted["evaluated"] | {"particles": 0} == {"events": 30, "particles": 0, "repeats": 2}
    assert shifted["metrics"]["photon_sum"]["mean"] == pytest.approx(44 * 44 / 2)
    assert "Wasserstein" in printed(capsys, "evaluate", "--generated", tmp_path / "same.npz", *files)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "NAME or --generated"),
        (["tiny", "--generated", "g.npz"], "NAME or --generated"),
        (["tiny", "--responses", "r.npz"], "belong together"),
        (["tiny", "--detector", "zn"], "--detector goes with"),
        (["--generated", "g.npz"], "needs --responses and --detector"),
        (
            ["--generated", "g.npz", "--responses", "r", "--particles", "p", "--detector", "zn", "--repeats", "2"],
            "--repeats",
        ),
        (["--generated", "g.npz", "--responses", "r", "--particles", "p", "--detector", "zm"], "no such detector"),
    ],
)
def test_evaluate_refuses_in_one_line(arguments: list[str], complaint: str, capsys: Capture) -> None:
    assert complaint in failing(capsys, "evaluate", *arguments)


def test_publish_puts_a_run_on_the_shelf(tmp_path: Path, capsys: Capture) -> None:
    home = tmp_path / "models"
    text = printed(capsys, "publish", finished_run(), "--as", "mine.v1", "--registry", home)
    assert str(home / "registry" / "mine.v1.toml") in text
    assert names(capsys, "mine", "--registry", home) == ["mine.v1"]
    assert "--force" in failing(capsys, "publish", finished_run(), "--as", "mine.v1", "--registry", home)
    assert "not a model name" in failing(capsys, "publish", finished_run(), "--as", "../x", "--registry", home)
    assert "not a run directory" in failing(capsys, "publish", tmp_path, "--as", "x", "--registry", home)


def test_publish_refuses_what_is_not_finished(tmp_path: Path, capsys: Capture) -> None:
    run = changed_run(tmp_path, lambda result: None)
    (run / "result.json").unlink()
    assert f"zoo run {run}" in failing(capsys, "publish", run, "--as", "x", "--registry", tmp_path / "s")
    assert not (tmp_path / "s").exists()
