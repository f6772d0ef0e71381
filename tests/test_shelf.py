from __future__ import annotations

import dataclasses
import datetime
import shutil
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest
import tomli
import tomli_w
from shelf_runs import changed_run, changed_shelf, finished_run, shelf

import zoo
from zoo.catalogue import components
from zoo.data.archive import read_array
from zoo.errors import DataError, RunError, ShelfError
from zoo.recipe.load import with_values
from zoo.schemes.model import parameter_counts
from zoo.shelf.card import all_cards, find_card
from zoo.shelf.citations import OWED, citations, references
from zoo.shelf.finished_run import FinishedRun
from zoo.shelf.load import WEIGHTS, load
from zoo.shelf.names import check_name
from zoo.shelf.publish import publish
from zoo.shelf.record import card_table
from zoo.shelf.shelves import Shelf, clone, shelves, writable_shelf
from zoo.shelf.structure import abstract_models
from zoo.shelf.surrogate import Surrogate
from zoo.shelf.weights import restore_weights

SHIPPED = Path(zoo.__file__).parent / "data" / "shipped" / "zn.npz"

pytestmark = pytest.mark.filterwarnings("ignore:.*was not trained there")
"""The tiny model was trained with a hundred events and is asked about others."""


@pytest.fixture(scope="module")
def surrogate() -> Surrogate:
    return load("tiny", shelf())


@pytest.fixture(scope="module")
def particles() -> np.ndarray:
    return read_array(SHIPPED, "particles")[:300]


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", ["zn_fm", "zn_fm.v1", "a", "_x", "7-b", "A.B-c_d", "a..b"])
def test_names_that_are_allowed(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".hidden", "..", "../x", "a/b", "-x", "a b", "a\n", "é", "x" * 101, "a\\b", "/x", "a\x00"]
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(ShelfError) as error:
        check_name(name)
    one_line(error)


def make_shelf(root: Path, *names: str) -> Shelf:
    made = Shelf(root)
    made.registry.mkdir(parents=True)
    made.checkpoints.mkdir()
    for name in names:
        made.card_file(name).write_text(f'schema_version = 99\nname = "{name}"\n')
    return made


def test_shelves_are_searched_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, home, here = (make_shelf(tmp_path / name) for name in ("given", "home", "here"))
    monkeypatch.setenv("ZOO_HOME", str(home.root))
    monkeypatch.chdir(here.root)
    assert [found.root.name for found in shelves(given.root)][:3] == ["given", "home", "here"]
    assert [found.root.name for found in shelves()][:2] == ["home", "here"]
    monkeypatch.chdir(home.root)
    assert [found.root.resolve() for found in shelves()].count(home.root.resolve()) == 1


def test_the_first_shelf_with_a_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, home = make_shelf(tmp_path / "given", "both"), make_shelf(tmp_path / "home", "both", "other")
    monkeypatch.setenv("ZOO_HOME", str(home.root))
    where = {card.name: card.shelf.root for card in all_cards(given.root)}
    assert where["both"] == given.root
    assert where["other"] == home.root


def test_a_registry_that_is_no_shelf_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShelfError, match=r"registry/ and checkpoints/") as error:
        shelves(tmp_path)
    one_line(error)


def test_where_publish_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZOO_HOME", raising=False)
    here = make_shelf(tmp_path / "here")
    monkeypatch.chdir(here.root)
    assert writable_shelf().root.resolve() == here.root.resolve()
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    assert writable_shelf().root == tmp_path / "home"
    assert writable_shelf(tmp_path / "given").root == tmp_path / "given"


def test_a_card_says_what_the_run_says() -> None:
    run, card = FinishedRun.open(finished_run()), find_card("tiny", shelf())
    table = card.table
    assert table["schema_version"] == 2
    assert table["name"] == "tiny"
    assert table["recipe"] == "tiny"
    assert table["recipe_digest"] == run.result["recipe_digest"]
    assert (table["detector"], table["scheme"], table["target"]) == ("zn", "factorised", "response")
    assert table["parameters"] == sum(sum(stage["parameters"].values()) for stage in table["stages"].values())
    assert list(table["stages"]) == ["sums", "shape"]
    assert table["stages"]["sums"]["steps"] == run.result["stages"]["sums"]["steps"]
    assert table["stages"]["sums"]["epochs"] == round(
        table["stages"]["sums"]["examples_seen"] / table["data"]["train"], 2
    )
    assert table["data"]["sha256"] == run.result["data"]["sha256"]
    assert table["metrics"]["wasserstein"]["mean"] == run.result["metrics"]["wasserstein"]["mean"]
    assert table["metrics"]["wasserstein"]["interval"] == run.result["metrics"]["wasserstein"]["interval"]
    assert table["floor"]["repeats"]["wasserstein"] == run.result["floor"]["repeats"]["wasserstein"]
    assert table["time_per_sample_ms"] == run.result["time_per_sample_ms"]
    assert table["device"] == run.result["device"]
    assert table["published"]["wasserstein"] == 1.27
    assert table["versions"]["jax"] == jax.__version__
    assert table["licence"] == "Apache-2.0"
    assert list(table["data"]["ranges"]) == ["energy", "vx", "vy", "vz", "px", "py", "pz", "mass", "charge"]
    assert all(low <= high for low, high in table["data"]["ranges"].values())
    assert table["converged"] is True
    datetime.date.fromisoformat(table["created"])


def test_a_card_lists_every_file_of_the_checkpoint() -> None:
    card = find_card("tiny", shelf())
    present = {path.relative_to(card.folder).as_posix() for path in card.folder.rglob("*") if path.is_file()}
    assert set(card.table["files"]) == present
    assert {"recipe.toml", "constants/sums.npz", "constants/shape.npz", "metrics.jsonl.gz"} <= present
    assert {"examples.png", "channels.png", "learning.png", "reference.npz"} <= present


def test_a_published_model_is_the_model_of_the_run(surrogate: Surrogate) -> None:
    trained = FinishedRun.open(finished_run()).model()
    stored = surrogate.model
    assert jax.tree.structure(eqx.filter(trained, eqx.is_array)) == jax.tree.structure(eqx.filter(stored, eqx.is_array))
    pairs = zip(jax.tree.leaves(trained), jax.tree.leaves(stored), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_samples_are_photons(surrogate: Surrogate, particles: np.ndarray) -> None:
    responses = surrogate.sample(particles, seed=0)
    assert responses.shape == (300, 44, 44)
    assert responses.dtype == np.float32
    assert np.isfinite(responses).all()
    assert responses.min() >= 0
    assert responses.max() > 1


def test_seeds_decide_samples(surrogate: Surrogate, particles: np.ndarray) -> None:
    first = surrogate.sample(particles[:4], seed=5)
    assert np.array_equal(first, surrogate.sample(particles[:4], seed=5))
    assert not np.array_equal(first, surrogate.sample(particles[:4], seed=6))
    assert np.array_equal(first, surrogate.sample(particles, seed=5)[:4])
    (_, repeated), *_ = surrogate.chunks(surrogate.checked(particles[:4]), seed=5, repeat=1)
    assert not np.array_equal(first, repeated)


def test_the_pdg_id_is_not_needed(surrogate: Surrogate, particles: np.ndarray) -> None:
    assert particles.shape[1] == 10
    with_id, without = surrogate.sample(particles[:3]), surrogate.sample(particles[:3, :9].tolist())
    assert np.array_equal(with_id, without)


@pytest.mark.parametrize("bad", [np.zeros((4, 3)), np.zeros(9), np.zeros((0, 9)), np.full((2, 9), np.nan)])
def test_particles_of_another_kind_are_refused(surrogate: Surrogate, bad: np.ndarray) -> None:
    with pytest.raises(DataError) as error:
        surrogate.sample(bad)
    one_line(error)


def test_a_particle_without_a_finite_response_is_named(surrogate: Surrogate, particles: np.ndarray) -> None:
    impossible = particles[:3].copy()
    impossible[1, 0] = -5.0
    with pytest.raises(DataError, match=r"particle 1: .*energy -5") as error:
        surrogate.sample(impossible)
    one_line(error)


def test_zoo_load_is_the_same(surrogate: Surrogate, particles: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_HOME", str(shelf()))
    loaded = zoo.load("tiny")
    assert loaded.name == "tiny"
    assert np.array_equal(loaded.sample(particles[:2]), surrogate.sample(particles[:2]))


def spoil_weights(folder: Path) -> str:
    largest = max((folder / WEIGHTS).rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    return largest.name


def spoil_recipe(folder: Path) -> str:
    (folder / "recipe.toml").write_text((folder / "recipe.toml").read_text().replace("seed = 3", "seed = 4"))
    return "recipe.toml was altered"


def remove_constants(folder: Path) -> str:
    (folder / "constants" / "sums.npz").unlink()
    return "constants/sums.npz is missing"


def add_a_file(folder: Path) -> str:
    (folder / WEIGHTS / "d" / "more").write_bytes(b"x")
    return "weights/d/more does not belong"


def remove_weights(folder: Path) -> str:
    shutil.rmtree(folder / WEIGHTS)
    return "weights/.* is missing"


def remove_everything(folder: Path) -> str:
    shutil.rmtree(folder)
    return "missing"


SPOILERS = [spoil_weights, spoil_recipe, remove_constants, add_a_file, remove_weights, remove_everything]


@pytest.mark.parametrize("spoil", SPOILERS)
def test_files_that_are_not_the_published_ones_are_refused(tmp_path: Path, spoil) -> None:
    spoiled = changed_shelf(tmp_path)
    what = spoil(spoiled / "checkpoints" / "tiny")
    with pytest.raises(ShelfError, match=what) as error:
        load("tiny", spoiled)
    one_line(error)


def test_hidden_files_of_the_desktop_do_no_harm(tmp_path: Path) -> None:
    copy = changed_shelf(tmp_path)
    (copy / "checkpoints" / "tiny" / ".DS_Store").write_bytes(b"x")
    assert load("tiny", copy).name == "tiny"


def rewrite_card(root: Path, changes: dict[str, object], under: str = "tiny") -> None:
    table = tomli.loads((root / "registry" / "tiny.toml").read_text()) | changes
    (root / "registry" / f"{under}.toml").write_text(tomli_w.dumps(table))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"schema_version": 3}, "upgrade calozoo"),
        ({"schema_version": "1"}, "no schema_version"),
        ({"schema_version": 0}, "no schema_version"),
        ({"name": "other"}, "belongs to 'other'"),
        ({"detector": 3}, "detector is missing"),
        ({"files": {"recipe.toml": 3}}, "sha256"),
        ({"data": "zn"}, "data is no table"),
    ],
)
def test_cards_that_cannot_be_used(tmp_path: Path, changes: dict[str, object], complaint: str) -> None:
    copy = changed_shelf(tmp_path)
    rewrite_card(copy, changes)
    with pytest.raises(ShelfError, match=complaint) as error:
        load("tiny", copy)
    assert "tiny.toml" in one_line(error)
    (card,) = [card for card in all_cards(copy) if card.shelf.root == copy]
    assert complaint in str(card.problem)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"name = ", b"", b"[" * 5000])
def test_a_card_that_is_no_card(tmp_path: Path, content: bytes) -> None:
    copy = changed_shelf(tmp_path)
    (copy / "registry" / "tiny.toml").write_bytes(content)
    with pytest.raises(ShelfError, match="not a card") as error:
        load("tiny", copy)
    one_line(error)


def test_a_card_under_another_name_is_refused(tmp_path: Path) -> None:
    copy = changed_shelf(tmp_path)
    rewrite_card(copy, {}, under="renamed")
    shutil.copytree(copy / "checkpoints" / "tiny", copy / "checkpoints" / "renamed")
    with pytest.raises(ShelfError, match="belongs to 'tiny'"):
        load("renamed", copy)


def test_an_unknown_name_comes_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ShelfError, match="did you mean tiny") as error:
        load("tinny", shelf())
    one_line(error)


@pytest.mark.parametrize("name", ["../registry/tiny", "registry/tiny", "./tiny", ".."])
def test_names_never_lead_out_of_the_shelf(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shelf())
    with pytest.raises(ShelfError, match="neither") as error:
        load(name, shelf())
    one_line(error)


def test_the_weights_of_another_recipe_are_refused() -> None:
    run, folder = FinishedRun.open(finished_run()), find_card("tiny", shelf()).folder / WEIGHTS
    wider = with_values(run.recipe, {"stages.shape.model.scheme.shape.network.width": 8})
    with pytest.raises(ShelfError, match="not the weights of this recipe"):
        restore_weights(folder, abstract_models(wider)["shape"])
    deeper = with_values(run.recipe, {"stages.shape.model.scheme.shape.network.blocks": 2})
    with pytest.raises(ShelfError, match=r"blocks\.1\..* is missing"):
        restore_weights(folder, abstract_models(deeper)["shape"])


def test_the_structure_needs_no_weights() -> None:
    run = FinishedRun.open(finished_run())
    models = abstract_models(run.recipe)
    assert not any(eqx.is_array(leaf) for model in models.values() for leaf in jax.tree.leaves(model))
    counted = {stage: parameter_counts(model.scheme) for stage, model in models.items()}
    assert counted == {stage: summary["parameters"] for stage, summary in run.result["stages"].items()}


def test_a_run_can_be_loaded_without_publishing(surrogate: Surrogate, particles: np.ndarray) -> None:
    assert np.array_equal(load(finished_run()).sample(particles[:2]), surrogate.sample(particles[:2]))


def test_a_name_is_not_taken_twice(tmp_path: Path) -> None:
    copy, run = Shelf(changed_shelf(tmp_path)), FinishedRun.open(finished_run())
    before = copy.card_file("tiny").stat().st_mtime_ns
    with pytest.raises(ShelfError, match="--force") as error:
        publish(run, copy, "tiny")
    one_line(error)
    assert copy.card_file("tiny").stat().st_mtime_ns == before
    publish(run, copy, "tiny", force=True)
    assert copy.card_file("tiny").stat().st_mtime_ns > before
    assert load("tiny", copy.root).name == "tiny"
    assert [path.name for path in copy.checkpoints.iterdir()] == ["tiny"]


def test_a_run_whose_events_are_others_by_now_is_refused(tmp_path: Path) -> None:
    run = FinishedRun.open(changed_run(tmp_path, lambda result: result["data"].update(sha256="0" * 64)))
    with pytest.raises(ShelfError, match="not the events") as error:
        publish(run, Shelf(tmp_path / "shelf"), "tiny")
    one_line(error)
    assert not (tmp_path / "shelf").exists()


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    run = changed_run(tmp_path, lambda result: None)
    (run / "result.json").unlink()
    with pytest.raises(RunError, match="not finished") as error:
        FinishedRun.open(run)
    one_line(error)


def test_a_diverged_run_is_published_only_by_force(tmp_path: Path) -> None:
    run = FinishedRun.open(
        changed_run(tmp_path, lambda result: result.update(converged=False, reason="loss not finite"))
    )
    with pytest.raises(ShelfError, match="loss not finite"):
        publish(run, Shelf(tmp_path / "shelf"), "wild")
    assert not (tmp_path / "shelf").exists()
    card = publish(run, Shelf(tmp_path / "shelf"), "wild", force=True)
    assert card.table["converged"] is False
    assert card.table["reason"] == "loss not finite"


def test_a_run_without_an_evaluated_model_is_never_published(tmp_path: Path) -> None:
    run = FinishedRun.open(changed_run(tmp_path, lambda result: result.update(converged=False, metrics=None)))
    with pytest.raises(ShelfError, match="no evaluated model"):
        publish(run, Shelf(tmp_path / "shelf"), "wild", force=True)


def test_a_failed_publication_leaves_nothing(tmp_path: Path) -> None:
    run = changed_run(tmp_path, lambda result: None)
    shutil.rmtree(run / "checkpoints" / "shape" / "last")
    made = Shelf(tmp_path / "shelf")
    with pytest.raises(RunError, match="no weights"):
        publish(FinishedRun.open(run), made, "tiny")
    assert [*made.registry.iterdir(), *made.checkpoints.iterdir()] == []


def test_a_shelf_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "registry").write_text("a file where a folder belongs")
    with pytest.raises(ShelfError, match="cannot be written") as error:
        publish(FinishedRun.open(finished_run()), Shelf(tmp_path), "tiny")
    one_line(error)


def test_a_card_keeps_folders_of_the_author_to_itself() -> None:
    run = FinishedRun.open(finished_run())
    origin = Path.home() / "mine" / "events_responses.npz"
    own = dataclasses.replace(run, result=run.result | {"data": run.result["data"] | {"origin": str(origin)}})
    assert card_table("own", own, "2026-01-01", {}, {})["data"]["origin"] == "events_responses.npz"
    taken = {"stages": {"main": {"taken_from": str(Path.home() / "runs" / "zn_fm" / "001")}}}
    own = dataclasses.replace(run, result=run.result | taken)
    assert card_table("own", own, "2026-01-01", {}, {})["stages"]["main"]["taken_from"] == "zn_fm/001"


def test_citations_name_data_and_methods() -> None:
    entries = citations(FinishedRun.open(finished_run()).recipe)
    assert {"calozoo", "brun1994geant", "wojnar2025even", "krause2023caloflow"} <= set(entries)
    assert "ronneberger2015unet" not in entries
    for key, entry in entries.items():
        assert entry.startswith("@")
        assert f"{{{key}," in entry
        assert entry.count("{") == entry.count("}")


def test_everything_owed_exists() -> None:
    known = references()
    for (kind, name), keys in OWED.items():
        assert name in components(kind)
        assert set(keys) <= set(known)


def test_the_shipped_models_are_small() -> None:
    """They travel with every clone and every wheel."""
    sizes = [path.stat().st_size for path in (clone() / "checkpoints").rglob("*") if path.is_file()]
    assert 1e6 < sum(sizes) < 60e6
