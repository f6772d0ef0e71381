"""Verifying what is on the shelf, and bringing older publications into today's form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tomli
import tomli_w
from shelf_runs import changed_shelf, finished_run, shelf

from zoo.cli.main import main
from zoo.errors import ShelfError
from zoo.layers.masked_linear import Degrees, MaskedLinear, without_unseen
from zoo.shelf.card import find_card
from zoo.shelf.digests import file_digests
from zoo.shelf.load import load
from zoo.shelf.reference import Reference, apart, generated
from zoo.shelf.renew import renew
from zoo.shelf.shelves import Shelf
from zoo.shelf.verify import verify
from zoo.shelf.weights import put_together, taken_apart

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_other_shelf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ZOO_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("zoo.shelf.card.shelves", lambda root: [Shelf(shelf() if root is None else root)])


def rewrite(root: Path, **changes: Any) -> dict[str, Any]:
    """Change the card of a copied shelf; a value of None removes the key."""
    file = root / "registry" / "tiny.toml"
    table = {k: v for k, v in (tomli.loads(file.read_text()) | changes).items() if v is not None}
    file.write_text(tomli_w.dumps(table))
    return table


def with_reference(folder: Path, change: Any) -> Path:
    """A copy of the shelf whose reference sample says something else; its digest is right."""
    root = changed_shelf(folder)
    files = root / "checkpoints" / "tiny"
    change(Reference.read(files)).save(files)
    rewrite(root, files=file_digests(files))
    return root


def published_before_references(folder: Path) -> Path:
    """A copy of the shelf as schema 1 had it: no reference, no ranges, constants not compressed."""
    root = changed_shelf(folder)
    files = root / "checkpoints" / "tiny"
    (files / "reference.npz").unlink()
    for constants in (files / "constants").iterdir():
        with np.load(constants) as archive:
            arrays = dict(archive)
        np.savez(constants, **arrays)
    data = tomli.loads((root / "registry" / "tiny.toml").read_text())["data"]
    del data["ranges"]
    rewrite(root, schema_version=1, reference=None, data=data, files=file_digests(files))
    return root


def test_a_model_gives_what_it_gave() -> None:
    found = verify(find_card("tiny", shelf()))
    assert found.passed
    assert found.agreeing == len(found.reference.responses) == 8
    assert found.apart.max() == 0
    assert found.responses.sum() > 0


def test_settings_of_jax_have_no_say() -> None:
    card = find_card("tiny", shelf())
    settings = {
        "jax_default_prng_impl": "rbg",
        "jax_threefry_partitionable": False,
        "jax_enable_x64": True,
        "jax_default_matmul_precision": "bfloat16",
    }
    before = {name: getattr(jax.config, name) for name in settings}
    try:
        for name, value in settings.items():
            jax.config.update(name, value)
        assert verify(card).apart.max() == 0
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


def test_a_different_seed_is_noticed(tmp_path: Path) -> None:
    root = changed_shelf(tmp_path)
    table = tomli.loads((root / "registry" / "tiny.toml").read_text())
    rewrite(root, reference={**table["reference"], "seed": 1})
    found = verify(find_card("tiny", root))
    assert not found.passed
    assert found.apart.max() > 0.05


def test_some_responses_may_go_another_way(tmp_path: Path) -> None:
    def change(number: int) -> Any:
        def changed(reference: Reference) -> Reference:
            responses = reference.responses.copy()
            responses[:number] = responses[:number, ::-1] + 1
            return Reference(reference.particles, responses)

        return changed

    assert verify(find_card("tiny", with_reference(tmp_path / "a", change(2)))).passed
    found = verify(find_card("tiny", with_reference(tmp_path / "b", change(3))))
    assert found.agreeing == 5
    assert not found.passed


def test_how_far_responses_are_apart() -> None:
    one = np.array([[[3.0, 1.0]], [[0.0, 0.0]], [[2.0, 2.0]], [[np.nan, 1.0]]])
    other = np.array([[[1.0, 3.0]], [[0.0, 0.0]], [[2.0, 2.0]], [[1.0, 1.0]]])
    assert apart(one, other).tolist() == [1.0, 0.0, 0.0, np.inf]
    assert apart(np.full((1, 5), 2.0), np.full((1, 5), 1.0)).tolist() == [1.0]


def test_a_failure_keeps_both_samples(tmp_path: Path, capsys: Capture) -> None:
    root = with_reference(tmp_path, lambda found: Reference(found.particles, 2 * found.responses))
    assert main(["verify", "tiny", "--registry", str(root)]) == 2
    captured = capsys.readouterr()
    assert captured.err == "zoo: 1 of 1 models failed\n"
    assert "tiny: FAILED: 0 of 8 responses agree" in captured.out
    assert f"jax {jax.__version__}" in captured.out
    assert "tiny.differs.npz" in captured.out
    with np.load("tiny.differs.npz") as kept:
        assert set(kept.files) == {"particles", "published", "now", "apart"}
        assert np.allclose(kept["published"], 2 * kept["now"])
        assert np.allclose(kept["apart"], 0.5)


def test_one_bad_model_does_not_hide_the_others(tmp_path: Path, capsys: Capture) -> None:
    root = changed_shelf(tmp_path)
    (root / "registry" / "future.toml").write_text('schema_version = 7\nname = "future"\n')
    (root / "registry" / "gone.toml").write_text(
        tomli_w.dumps(tomli.loads((root / "registry" / "tiny.toml").read_text()) | {"name": "gone"})
    )
    assert main(["verify", "--all", "--registry", str(root)]) == 2
    captured = capsys.readouterr()
    future, gone, tiny = captured.out.splitlines()
    assert future.startswith("future: FAILED: ")
    assert "upgrade" in future
    assert gone.startswith("gone: FAILED: ")
    assert "missing" in gone
    assert tiny.startswith("tiny: 8 of 8 responses agree")
    assert captured.err == "zoo: 2 of 3 models failed\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [([], "either names or --all"), (["tiny", "--all"], "either"), (["tinny"], "did you mean tiny"),
     (["../tiny"], "not a model name"), (["tiny", "--keep", "nowhere"], "no such folder"),
     (["tiny", "--record"], "has its reference sample already")],
)  # fmt: skip
def test_verify_refuses_in_one_line(arguments: list[str], complaint: str, capsys: Capture) -> None:
    assert main(["verify", *arguments]) == 2
    captured = capsys.readouterr()
    assert complaint in captured.out + captured.err
    assert captured.err.count("\n") == 1


def test_metrics_are_measured_again(tmp_path: Path, capsys: Capture) -> None:
    root = changed_shelf(tmp_path)
    assert main(["verify", "tiny", "--metrics", "--registry", str(root)]) == 0
    text = capsys.readouterr().out
    assert "wasserstein" in text
    assert "DIFFERS" not in text
    table = tomli.loads((root / "registry" / "tiny.toml").read_text())
    table["metrics"]["wasserstein"] |= {"mean": 2 * table["metrics"]["wasserstein"]["mean"], "std": 0.0}
    rewrite(root, metrics=table["metrics"])
    assert main(["verify", "tiny", "--metrics", "--registry", str(root)]) == 2
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ["wasserstein"]]
    assert "DIFFERS" in line


def spoiled_reference(folder: Path) -> None:
    (folder / "reference.npz").write_bytes(b"x")


def no_reference(folder: Path) -> None:
    (folder / "reference.npz").unlink()


@pytest.mark.parametrize("spoil", [spoiled_reference, no_reference])
def test_a_damaged_reference_is_one_line(tmp_path: Path, spoil: Any) -> None:
    root = changed_shelf(tmp_path)
    spoil(root / "checkpoints" / "tiny")
    with pytest.raises(ShelfError) as error:
        verify(find_card("tiny", root))
    assert "\n" not in str(error.value)
    rewrite(root, files=file_digests(root / "checkpoints" / "tiny"))
    with pytest.raises(ShelfError, match="not readable as a reference") as error:
        verify(find_card("tiny", root))
    assert "\n" not in str(error.value)


def test_an_older_publication_is_renewed_once(tmp_path: Path, capsys: Capture) -> None:
    root = published_before_references(tmp_path)
    before = find_card("tiny", root).table
    assert main(["verify", "tiny", "--registry", str(root)]) == 2
    assert "--record tiny" in capsys.readouterr().out
    assert main(["verify", "--all", "--record", "--registry", str(root)]) == 0
    assert "tiny: recorded" in capsys.readouterr().out
    card = find_card("tiny", root)
    assert card.table["schema_version"] == 2
    kept = set(before) - {"schema_version", "data", "files"}
    assert {key: card.table[key] for key in kept} == {key: before[key] for key in kept}
    assert card.table["data"] == find_card("tiny", shelf()).table["data"]
    assert verify(card).apart.max() == 0
    assert np.array_equal(
        Reference.read(card.folder).responses, Reference.read(shelf() / "checkpoints" / "tiny").responses
    )
    assert [path.name for path in (root / "checkpoints").iterdir()] == ["tiny"]
    with pytest.raises(ShelfError, match="already"):
        renew(card)


def test_a_renewal_that_would_change_the_responses_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = published_before_references(tmp_path)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    monkeypatch.setattr("zoo.shelf.renew.generated", lambda *given: generated(*given) + 1)
    with pytest.raises(ShelfError, match="other responses than before") as error:
        renew(find_card("tiny", root))
    assert "\n" not in str(error.value)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_card_of_schema_1_still_loads(tmp_path: Path) -> None:
    root = published_before_references(tmp_path)
    particles = Reference.read(shelf() / "checkpoints" / "tiny").particles
    old, new = load("tiny", root), load("tiny", shelf())
    assert old.outside(1e6 * particles) == []
    assert new.outside(1e6 * particles) != []
    assert np.array_equal(old.sample(particles, batch=8), load(finished_run()).sample(particles, batch=8))


def test_weights_that_nobody_sees_take_no_place() -> None:
    degrees = Degrees(40, 40, "inputs")
    layer = MaskedLinear(degrees, degrees, strict=True, key=jax.random.key(0))
    bare = without_unseen({"layer": layer, "other": jnp.ones(3)})
    assert not np.array_equal(bare["layer"].weight, layer.weight)
    assert not bare["layer"].weight[~np.asarray(layer.mask())].any()
    x = jax.random.normal(jax.random.key(1), (5, 40))
    assert np.array_equal(bare["layer"](x), layer(x))
    assert eqx.tree_equal(without_unseen(bare), bare)


@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (3, 4)])
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint32", "float16", "bool", "uint8"])
def test_numbers_taken_apart_are_the_same_bits_again(shape: tuple[int, ...], dtype: str) -> None:
    bits = np.random.default_rng(0).integers(0, 256, (*shape, np.dtype(dtype).itemsize), dtype=np.uint8)
    values = np.ascontiguousarray(bits % 2 if dtype == "bool" else bits).view(dtype)[..., 0]
    stored = taken_apart(values)
    assert stored.shape == ((4, *shape) if values.dtype.itemsize == 4 else shape)
    again = put_together(stored, values.dtype)
    assert (again.dtype, again.shape, again.tobytes()) == (values.dtype, values.shape, values.tobytes())
    assert put_together(values, values.dtype) is values


def test_exponents_are_a_byte_of_their_own() -> None:
    last = taken_apart(np.array([1.0, -1.5, 1.999, 2.0], np.float32))[-1]
    assert last.tolist() == [127, 127, 127, 128]
