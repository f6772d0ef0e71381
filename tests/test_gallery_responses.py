"""What the gallery shows of responses to the same particles, and of a paper's own metrics."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from card_shelf import card, put
from PIL import Image
from processes import loaded_by

from zoo.data.archive import read_array
from zoo.data.sources.sample import SHIPPED, shipped_responses
from zoo.report.examples import LIT
from zoo.report.gallery.entry import Entry
from zoo.report.gallery.groups import Group, groups
from zoo.report.gallery.pixels import LEVELS, address
from zoo.report.gallery.quoted import quoted
from zoo.report.gallery.site import write_gallery
from zoo.report.gallery.tried import MODELS, tried
from zoo.report.particles import energy
from zoo.shelf.card import all_cards

COLUMNS = ["energy", "vx", "vy", "vz", "px", "py", "pz", "mass", "charge"]

SHAPE = (56, 30)


@pytest.fixture(scope="module")
def particles() -> np.ndarray:
    """Three shipped particles of ZP, without what they are."""
    return read_array(SHIPPED / "zp.npz", "particles")[[5, 600, 9000], :9]


def sample(particles: np.ndarray, seed: int = 0) -> bytes:
    """A reference file with noise for responses."""
    file = io.BytesIO()
    noise = np.random.default_rng(seed).poisson(0.3, (len(particles), *SHAPE)).astype(np.float32)
    np.savez_compressed(file, particles=particles, responses=noise)
    return file.getvalue()


def shot_card(name: str, distance: float, **changes: Any) -> dict[str, Any]:
    """A card of ZP with a reference."""
    ranges = {column: [0.0, 1.0] for column in COLUMNS}
    data = {"origin": "sample/zp", "events": 10, "ranges": ranges}
    metrics = {"wasserstein": {"mean": distance, "std": 0.5}}
    return card(name, detector="zp", data=data, metrics=metrics, reference={"file": "reference.npz"}) | changes


def only(shelf: Path) -> Group:
    """The only leaderboard of a shelf."""
    [group] = groups([Entry(found) for found in all_cards(shelf) if found.shelf.root == shelf])
    return group


def decoded(uri: str) -> np.ndarray:
    """The palette indices of a picture."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,")))))


def test_shipped_responses_are_those_to_the_very_particle(particles: np.ndarray):
    found = shipped_responses("sample/zp", particles)
    assert found is not None
    for particle, events in zip(particles, found, strict=True):
        assert len(events) >= 1
        assert (events.particles[:, :9] == particle).all()
        assert events.counts.shape[1:] == SHAPE
    assert shipped_responses("sample/zp", particles + 1e-6) is None
    assert shipped_responses("sample/nothing", particles) is None
    assert shipped_responses("sample/../shipped/zp", particles) is None
    assert shipped_responses("zp", particles) is None


def test_a_picture_has_every_cell_brighter_the_more_it_counts():
    response = np.zeros(SHAPE)
    response[0, :6] = [LIT / 2, 0.9, 1.0, 10.0, 100.0, 1e5]
    [dark, *lit] = decoded(address(response, 100.0))[0, :6].tolist()
    assert dark == 0
    assert lit == [1, 1, 1 + round((LEVELS - 1) / 2), LEVELS, LEVELS]
    assert decoded(address(response, 100.0)).shape == SHAPE
    assert len(address(response, 100.0)) < 1000


def test_models_stand_below_geant_the_closest_first(tmp_path: Path, particles: np.ndarray):
    put(tmp_path, shot_card("far", 9.0), {"reference.npz": sample(particles, 1)})
    put(tmp_path, shot_card("near", 3.0), {"reference.npz": sample(particles, 2)})
    put(tmp_path, shot_card("elsewhere", 4.0), {"reference.npz": sample(particles[::-1])})
    put(tmp_path, shot_card("sums", 1.0, target="channels"), {"reference.npz": sample(particles)})
    put(tmp_path, shot_card("lost", 1.0, converged=False), {"reference.npz": sample(particles)})
    put(tmp_path, shot_card("altered", 1.0), {"reference.npz": sample(particles)})
    (tmp_path / "checkpoints" / "altered" / "reference.npz").write_bytes(sample(particles, 3))
    found = tried(only(tmp_path))
    assert found is not None
    assert [entry.name for entry, _ in found.generated] == ["near", "far"]
    assert found.others == 2, "one of other particles, one altered"
    truth = shipped_responses("sample/zp", particles)
    assert truth is not None
    assert len(found.simulated) == 2
    for row, shots in enumerate(found.simulated):
        assert [shot.total for shot in shots] == [events.counts[row].sum() for events in truth]
        assert [(decoded(shot.picture) > 0).sum() for shot in shots] == [(e.counts[row] > 0).sum() for e in truth]
    assert [words.split(" ", 1)[1] for words in found.particles] == [energy(gev) for gev in particles[:, 0]]


def test_there_is_a_limit_to_the_rows(tmp_path: Path, particles: np.ndarray):
    for number in range(MODELS + 3):
        put(tmp_path, shot_card(f"model_{number:02}", 50.0 - number), {"reference.npz": sample(particles)})
    found = tried(only(tmp_path))
    assert found is not None
    assert [entry.name for entry, _ in found.generated] == [f"model_{MODELS + 2 - n:02}" for n in range(MODELS)]
    assert found.others == 3


@pytest.mark.parametrize("kept", [None, b"not an array file"])
def test_nothing_is_shown_without_responses_that_can_be_read(tmp_path: Path, kept: bytes | None):
    put(tmp_path, shot_card("one", 3.0), {} if kept is None else {"reference.npz": kept})
    assert tried(only(tmp_path)) is None


def test_events_that_are_not_shipped_leave_the_pictures_of_the_best_model(tmp_path: Path, particles: np.ndarray):
    own = {"origin": "mine.npz"}
    put(tmp_path, shot_card("one", 3.0, data=own), {"reference.npz": sample(particles), "examples.png": b"a picture"})
    assert tried(only(tmp_path)) is None
    write_gallery(tmp_path / "out", [found for found in all_cards(tmp_path) if found.shelf.root == tmp_path])
    assert "files/one/examples.png" in (tmp_path / "out" / "index.html").read_text()


def test_the_page_holds_the_pictures_itself_and_needs_no_jax(tmp_path: Path, particles: np.ndarray):
    put(tmp_path, shot_card("one", 3.0), {"reference.npz": sample(particles), "examples.png": b"a picture"})
    arguments = ["report", "--out", str(tmp_path / "out"), "one", "--registry", str(tmp_path)]
    assert loaded_by(arguments, ("jax", "equinox", "scipy")) == []
    page = (tmp_path / "out" / "index.html").read_text()
    assert len(re.findall(r'<img src="data:image/png;base64,[\w+/=]+" alt="(?:GEANT|one), ', page)) == 3 * (2 + 1)
    assert "GEANT, again" in page
    assert "files/one/examples.png" not in page, "the pictures of one model are not needed beside these"


QUOTED = {
    "metrics": {
        "wasserstein": {"mean": 3.0, "std": 0.0},
        "positional": {"mean": 1.25, "std": 0.25, "published_as": "positional"},
        "wass_sum_values": {"mean": 23.5, "std": 0.5, "published_as": "wass_sum"},
        "wass_sum_positions": {"mean": 3.125, "std": 0.25, "published_as": "wass_sum"},
        "lpips": {"about": "absent.", "published_as": "perceptual"},
    },
    "floor": {"random_halves": {"positional": {"mean": 1.5, "std": 0.0}}},
    "timing": {
        "device": "cpu",
        "batch_256": {"median": 7.25, "min": 7.0, "max": 8.0, "batch": 256, "repeats": 5},
        "seconds_10240": {"seconds": 1.625, "batch": 1024},
    },
    "published": {
        "source": "a paper, table 2: <Approx>",
        "seconds_10240": 25.2,
        "metrics": {"pixel_mae": 457.3, "wass_sum": 3.44, "perceptual": 0.447, "positional": 1.49},
    },
}


def quoted_row(page: str, kind: str) -> list[str]:
    """The cells of a row of the table of published figures."""
    table = page.split('<table class="board quoted">')[1].split("</table>")[0]
    line = table.split(f'<th scope="row">{kind}</th>')[1].split("</tr>")[0]
    return re.findall(r"<td[^>]*>(.*?)</td>", line)


def test_published_figures_stand_below_what_was_measured(tmp_path: Path):
    put(tmp_path, card("one", **QUOTED))
    put(tmp_path, card("without"))
    found = quoted(only(tmp_path).entries)
    assert found is not None
    assert [entry.name for entry in found.entries] == ["one"]
    columns = {column.figure: list(column.metrics) for column in found.columns}
    assert columns["wass_sum"] == ["wass_sum_values", "wass_sum_positions"]
    assert list(columns) == ["positional", "wass_sum", "perceptual", "pixel_mae"]
    write_gallery(tmp_path / "out", [found for found in all_cards(tmp_path) if found.shelf.root == tmp_path])
    page = (tmp_path / "out" / "index.html").read_text()
    dash = "\N{EN DASH}"
    assert quoted_row(page, "here") == ["1.25 ± 0.25", "23.50 ± 0.50", "3.12 ± 0.25", dash, dash, "1.62"]
    assert quoted_row(page, "published") == ["1.49", "3.44", "0.447", "457.3", "25.2"]
    assert quoted_row(page, "random halves") == ["1.50", dash, dash, dash, dash, ""]
    assert '<th scope="row">same particle</th>' not in page, "no particle occurs twice"
    assert "table 2: &lt;Approx&gt;" in page
    own = (tmp_path / "out" / "models" / "one.html").read_text()
    assert '<td class="published">1.49</td>' in own
    assert "10,240 responses take 1.62 s (published, on another device: 25.2 s)" in own


def test_without_such_figures_there_is_no_table(tmp_path: Path):
    put(tmp_path, card("without"))
    assert quoted(only(tmp_path).entries) is None
