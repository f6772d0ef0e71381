"""Where the particles of `zoo sample` come from: files, or one kind of them; and what is said of unusual ones."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelf_runs import finished_run, shelf

import zoo
from zoo.cli.main import main
from zoo.cli.sample import COLUMNS
from zoo.data.archive import read_array
from zoo.data.particle_file import read_particle_file
from zoo.detectors.detector import Detector
from zoo.detectors.focal_h import FoCalHConfig
from zoo.detectors.zn import ZNConfig
from zoo.detectors.zp import ZPConfig
from zoo.errors import DataError
from zoo.shelf.gun import shot
from zoo.shelf.species import Species, species
from zoo.shelf.surrogate import OutsideTraining, Surrogate

SHIPPED = Path(zoo.__file__).parent / "data" / "shipped"

Capture = pytest.CaptureFixture[str]

ZN, FOCAL = ZNConfig().build(), FoCalHConfig().build()


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


@pytest.mark.parametrize("text", ["neutron", "Neutron", "n", "2112"])
def test_a_neutron_has_many_names(text: str) -> None:
    found = species(text)
    assert (found.pdg, found.charge) == (2112, 0.0)
    assert found.mass == pytest.approx(0.9395654)


def test_species_are_those_of_the_shipped_events() -> None:
    for name in ("zn", "zp"):
        for mass, charge, pdg in np.unique(read_array(SHIPPED / f"{name}.npz", "particles")[:, 7:], axis=0):
            found = species(f"{pdg:.0f}")
            assert (found.mass, found.charge) == (pytest.approx(mass, abs=1e-5), charge)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("neutrn", "did you mean neutron"), ("lamda", "did you mean Lambda"), ("xyz", "give a PDG id"),
     ("999999", "no such particle"), ("", "no such particle"), ("nu(e)", "mass of nu"), ("9" * 30, "no such particle")],
)  # fmt: skip
def test_what_is_no_particle_comes_with_the_nearest(text: str, complaint: str) -> None:
    with pytest.raises(DataError, match=re.escape(complaint)) as error:
        species(text)
    one_line(error)


@given(st.text(max_size=20))
def test_any_text_is_a_species_or_one_line(text: str) -> None:
    try:
        found = species(text)
    except DataError as error:
        found = error
    assert found.mass >= 0 if isinstance(found, Species) else len(str(found).splitlines()) == 1


def test_a_shot_obeys_the_mass_shell() -> None:
    (row,) = shot(ZN, 800.0, species("Lambda"), {"px": 0.3, "py": -0.2, "vz": 4.0})
    energy, vx, vy, vz, px, py, pz, mass, charge = row
    assert (energy, vx, vy, vz, px, py, charge) == (800.0, 0.0, 0.0, 4.0, 0.3, -0.2, 0.0)
    assert energy**2 - px**2 - py**2 - pz**2 == pytest.approx(mass**2, rel=1e-6)
    assert pz > 0


def test_an_ordinary_shot_hits_the_middle() -> None:
    assert ZN.impact(shot(ZN, 1380.0, species("n"), {}))[0] == pytest.approx([21.5, 21.5])
    rows, columns = FOCAL.impact(shot(FOCAL, 100.0, None, {}))[0]
    assert 0 <= rows < 105
    assert 0 <= columns < 105


@pytest.mark.parametrize(
    ("detector", "energy", "pdg", "columns", "complaint"),
    [
        (ZN, 100.0, None, {}, "give --pdg"),
        (FOCAL, 100.0, "n", {}, "leave out --pdg"),
        (ZN, 100.0, "n", {"eta": 4.0}, "--eta: ALICE ZN has no such column"),
        (ZN, 0.9, "n", {}, "above the mass"),
        (ZN, -5.0, "gamma", {}, "above the mass"),
        (ZN, 10.0, "n", {"px": 10.0}, "across the beam"),
    ],
)
def test_impossible_shots_are_one_line(
    detector: Detector, energy: float, pdg: str | None, columns: dict[str, float], complaint: str
) -> None:
    with pytest.raises(DataError, match=re.escape(complaint)) as error:
        shot(detector, energy, None if pdg is None else species(pdg), columns)
    one_line(error)


def test_the_help_tells_the_detectors_defaults() -> None:
    usual = {column.name: column.usual for detector in (ZN, FOCAL, ZPConfig().build()) for column in detector.columns}
    offered = {name: value for name, value in usual.items() if value is not None}
    told = {name: float(text.split("default: ")[1].rstrip(")")) for name, text in COLUMNS.items()}
    assert told == offered


@pytest.mark.parametrize(("name", "detector"), [("zn", ZN), ("zp", ZPConfig().build()), ("focal_h-ds2", FOCAL)])
def test_defaults_are_in_the_middle_of_the_shipped_events(name: str, detector: Detector) -> None:
    particles = read_array(SHIPPED / f"{name}.npz", "particles")
    for column, values in zip(detector.columns, particles.T, strict=False):
        if column.usual is not None:
            assert abs(column.usual - np.median(values)) < 0.35 * values.std()


def write_csv(path: Path, names: list[str], rows: np.ndarray) -> Path:
    head = [",".join(names)] if names else []
    path.write_text("\n".join([*head, *(",".join(map(repr, row)) for row in rows.tolist())]) + "\n")
    return path


def test_a_csv_file_is_the_same_particles(tmp_path: Path) -> None:
    particles = read_array(SHIPPED / "zn.npz", "particles")[:5]
    names = [*ZN.column_names, "pdg"]
    plain = write_csv(tmp_path / "plain.csv", [], particles)
    assert np.array_equal(read_particle_file(plain, ZN), particles)
    order = [9, 3, 1, 0, 2, 8, 7, 6, 5, 4]
    shuffled = np.column_stack([np.arange(5.0), particles[:, order]])
    named = write_csv(tmp_path / "named.CSV", ["event", *(names[place].upper() for place in order)], shuffled)
    assert np.array_equal(read_particle_file(named, ZN), particles)
    one = write_csv(tmp_path / "one.csv", names[:9], particles[:1, :9])
    assert np.array_equal(read_particle_file(one, ZN), particles[:1, :9])
    np.savez(tmp_path / "particles.npz", particles)
    assert np.array_equal(read_particle_file(tmp_path / "particles.npz", ZN), particles)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty"),
        (b"energy,vx\n1,2\n", "no column 'vy'"),
        (b"1,2,3\n", "particles have shape (1, 3)"),
        (b"1,2,3,4,5,6,7,8,9\n1,2,3\n", "not readable as particles"),
        (b"1,2,3,4,5,6,7,8,9\n1,2,3,4,x,6,7,8,9\n", "'x'"),
        (b"1,2,3,4,5,6,7,8,nan\n", "column charge"),
        (b"\xff\xfe\x00", "not readable as particles"),
        (b"energy,vx,vy,vz,px,py,pz,mass,charge\n", "no particles"),
    ],
)
def test_a_csv_file_of_something_else_is_one_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "p.csv").write_bytes(content)
    with pytest.raises(DataError, match=re.escape(complaint)) as error:
        read_particle_file(tmp_path / "p.csv", ZN)
    assert "p.csv" in one_line(error)


@pytest.fixture
def surrogate() -> Surrogate:
    return zoo.load("tiny", shelf())


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZOO_HOME", str(shelf()))
    monkeypatch.chdir(tmp_path)


def test_leaving_the_range_of_the_training_names_the_column(surrogate: Surrogate) -> None:
    low, high = surrogate.about["data"]["ranges"]["energy"]
    inside = np.array([[np.mean(span) for span in surrogate.about["data"]["ranges"].values()]])
    assert surrogate.outside(inside) == []
    beyond = np.repeat(inside, 3, axis=0)
    beyond[1:, 0] = high + 100.0, low - 10.0
    (said,) = surrogate.outside(beyond)
    assert said.startswith("energy of 2 outside")
    assert said.endswith(f"GeV, as far as {high + 100:.4g}")
    with pytest.warns(OutsideTraining, match="tiny was not trained there: energy of 2"):
        surrogate.sample(beyond)


def test_a_run_does_not_know_its_range() -> None:
    assert zoo.load(finished_run()).outside(np.full((1, 9), 1e9)) == []


@pytest.mark.usefixtures("at_home")
def test_one_kind_of_particle_is_sampled(capsys: Capture) -> None:
    assert main(["sample", "tiny", "--pdg", "neutron", "--energy", "9000", "-n", "7", "-o", "out.npz"]) == 0
    captured = capsys.readouterr()
    assert "out.npz: 7 particles" in captured.out
    assert "warning: tiny was not trained there: energy of 7 outside" in captured.err
    responses = np.load("out.npz")["arr_0"]
    assert responses.shape == (7, 44, 44)
    with pytest.warns(OutsideTraining):
        expected = zoo.load("tiny").sample(np.repeat(shot(ZN, 9000.0, species("n"), {}), 7, axis=0))
    assert np.array_equal(responses, expected)
    assert not np.array_equal(responses[0], responses[1])


@pytest.mark.usefixtures("at_home")
def test_the_same_responses_as_hdf5(capsys: Capture) -> None:
    arguments = ["sample", "tiny", "--pdg", "22", "--energy", "300", "-n", "5", "--repeats", "2", "--batch", "3"]
    for name in ("out.npz", "out.h5"):
        assert main([*arguments, "-o", name, "--round"]) == 0
    capsys.readouterr()
    with h5py.File("out.h5") as file:
        assert np.array_equal(np.asarray(file["responses"]), np.load("out.npz")["arr_0"])
        assert file["responses"].shape == (2, 5, 44, 44)


@pytest.mark.usefixtures("at_home")
def test_the_first_particles_of_a_file_are_sampled(capsys: Capture) -> None:
    write_csv(Path("particles.csv"), [], read_array(SHIPPED / "zn.npz", "particles")[:5])
    assert main(["sample", "tiny", "--particles", "particles.csv", "-n", "2", "-o", "out.npz"]) == 0
    capsys.readouterr()
    assert np.load("out.npz")["arr_0"].shape == (2, 44, 44)


@pytest.mark.usefixtures("at_home")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--pdg", "neutrn", "--energy", "100"], "did you mean neutron"),
        (["--pdg", "n"], "--energy"),
        ([], "--particles FILE"),
        (["--energy", "100"], "give --pdg"),
        (["--pdg", "n", "--energy", "100", "--phi", "1"], "--phi"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["sample", "tiny", *arguments, "-o", "out.npz"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("zoo: ")
    assert complaint in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("at_home")
def test_hdf5_without_h5py_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr("zoo.cli.hdf5.importlib.util.find_spec", lambda name: None)
    assert main(["sample", "tiny", "--pdg", "n", "--energy", "100", "-o", "out.h5"]) == 2
    assert "pip install 'calozoo[hdf5]'" in capsys.readouterr().err


def test_ten_million_particles_of_a_kind_take_no_memory(surrogate: Surrogate) -> None:
    one = surrogate.checked(shot(ZN, 300.0, species("n"), {}))
    many = np.broadcast_to(one, (10_000_000, 9))
    rows, responses = next(iter(surrogate.chunks(many)))
    assert (rows.stop, responses.shape) == (256, (256, 44, 44))
