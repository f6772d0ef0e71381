"""A fourth detector from an installed package, as `docs/new_detector.md` shows it; and particles that miss a face."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from processes import RECIPES, TOY, zoo

from zoo.data.aim import misses, missing_line
from zoo.data.events import Events
from zoo.data.source import SourceConfig
from zoo.detectors.detector import Detector
from zoo.detectors.focal_h import FoCalHConfig
from zoo.errors import DataError

SHAPE, EVENTS, PAST = (12, 10), 120, 3


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Spots of a beam that scans the face; the last particles are aimed beside it."""
    folder, draw = tmp_path_factory.mktemp("beam"), np.random.default_rng(0)
    energy = draw.lognormal(3.0, 0.5, EVENTS)
    aim = draw.uniform(-7.0, 7.0, (EVENTS, 2))
    aim[-PAST:] = 40.0
    row, column = np.indices(SHAPE)
    hit = aim / 2.0 + (np.array(SHAPE) - 1) / 2
    away = (row - hit[:, 0, None, None]) ** 2 + (column - hit[:, 1, None, None]) ** 2
    responses = draw.poisson(energy[:, None, None] * np.exp(-away / 3.0)).astype(np.uint16)
    np.savez(folder / "toy_calorimeter_responses.npz", responses)
    np.savez(folder / "toy_calorimeter_particles.npz", np.column_stack([energy, aim]))
    return folder


def test_a_detector_of_an_installed_package_is_trained_evaluated_and_drawn(data: Path, tmp_path: Path):
    done = zoo("run", RECIPES / "toy_detector.toml", "--runs", tmp_path, "--set", f"data.path={data}", toy=True)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"{PAST} of {EVENTS} particles miss the front face of Toy calorimeter", done.stdout + done.stderr)
    run = tmp_path / "toy_detector" / "001"
    result = json.loads((run / "result.json").read_text())
    assert result["unit"] == "electron"
    assert {"positional", "wass_sum_values", "joint_wasserstein"} <= set(result["metrics"])
    assert result["metrics"]["positional"]["mean"] > 0
    assert result["published"]["metrics"] == {"positional": 0.7, "wass_sum": 2.5}
    table = done.stdout
    assert "in electrons" in table
    assert "photon" not in table
    assert re.search(r"wass sum values +2\.5 ", table)
    assert {"examples.png", "channels.png", "learning.png"} <= {file.name for file in (run / "plots").iterdir()}


def test_particles_that_miss_the_face_are_refused_where_the_recipe_says_so(data: Path, tmp_path: Path):
    settings = ("--set", f"data.path={data}", "--set", "data.off_face=refuse")
    done = zoo("run", RECIPES / "toy_detector.toml", "--runs", tmp_path, *settings, toy=True)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert f"{PAST} of {EVENTS} particles miss the front face" in line
    assert f"the first is that of event {EVENTS - PAST}" in line
    assert not list(tmp_path.rglob("checkpoints"))


def test_the_tutorial_shows_the_files_that_are_tested():
    text = (Path(__file__).parents[1] / "docs" / "new_detector.md").read_text()
    for file in (TOY / "toy" / "calorimeter.py", RECIPES / "toy_detector.toml"):
        assert file.read_text().strip() in text, file.name
    assert "calorimeter = toy.calorimeter" in text


# Particles that miss the face.


class Given(SourceConfig):
    """Events that are there already."""

    def read(self, detector: Detector) -> Events:
        del detector
        return EVENTS_OF_FOCAL


PARTICLES = np.array([[50.0, 4.0, 0.3], [50.0, 2.0, 0.0], [50.0, 0.0, 1.0], [50.0, 5.0, 2.0]])
"""On the face, past it, along it, on it."""
EVENTS_OF_FOCAL = Events(np.zeros((4, 105, 105), np.uint8), PARTICLES, "mine")


@pytest.fixture(scope="module")
def focal() -> Detector:
    return FoCalHConfig().build()


def test_a_particle_misses_the_face_beyond_its_outermost_cells_or_if_it_never_gets_there(focal: Detector):
    assert misses(PARTICLES, focal).tolist() == [False, True, True, False]
    edge = np.arcsinh(focal.face / (np.array([52.49, 52.51]) * focal.pitch[0]))
    assert misses(np.column_stack([[50.0] * 2, edge, [0.0] * 2]), focal).tolist() == [False, True]
    line = missing_line(EVENTS_OF_FOCAL, focal)
    assert line is not None
    assert line.startswith("mine: 2 of 4 particles miss the front face of ALICE FoCal-H; the first is that of event 1")
    assert missing_line(EVENTS_OF_FOCAL[::3], focal) is None


def test_a_source_warns_refuses_drops_or_takes_them(focal: Detector):
    for config in (Given(), Given(off_face="warn")):
        assert len(config.events(focal)) == 4
        assert "2 of 4" in (config.warning(config.events(focal), focal) or "")
    accepted = Given(off_face="accept")
    assert len(accepted.events(focal)) == 4
    assert accepted.warning(accepted.events(focal), focal) is None
    with pytest.raises(DataError, match=r'2 of 4 particles miss .* "refuse"'):
        Given(off_face="refuse").events(focal)
    assert len(Given(off_face="refuse", limit=1).events(focal)) == 1
    np.testing.assert_array_equal(Given(off_face="drop").events(focal).particles, PARTICLES[[0, 3]])
