"""Models of channel sums: what they are trained and fitted to, and their way from a recipe to the shelf."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.architectures.dense import DenseConfig
from zoo.cli.main import main
from zoo.data.events import Events
from zoo.detectors.zdc import checkerboard_readout
from zoo.detectors.zn import ZNConfig
from zoo.errors import ComponentError
from zoo.recipe.load import load_recipe
from zoo.schemes.direct.regression import RegressionConfig
from zoo.schemes.model import Model, ModelConfig
from zoo.shelf.load import load

KEY = jax.random.key(0)
SHAPE = (8, 6)
SMALL = replace(ZNConfig().build(), shape=SHAPE, readout=checkerboard_readout(*SHAPE))
DENSE = {"name": "dense", "width": 8, "blocks": 1}
KNN = {"name": "classical", "estimator": {"name": "nearest_neighbours", "neighbours": [1]}}


def size(tree: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array)))


# The dense network.


def test_the_dense_network_has_the_published_size():
    assert size(DenseConfig().vector(9, 5, key=KEY)) == 18_245
    flow = DenseConfig().build(shape=(5,), in_channels=1, out_channels=1, features=9, key=KEY)
    assert size(flow) == 18_245 + (5 + 64) * 64


def test_dropout_falls_where_a_key_says():
    network = DenseConfig(width=16).vector(9, 5, key=KEY)
    x = jax.random.normal(KEY, (4, 9))
    run = eqx.filter_jit(network)
    np.testing.assert_array_equal(run(x), run(x))
    assert not np.allclose(run(x, key=KEY), run(x))
    assert not np.allclose(run(x, key=KEY), run(x, key=jax.random.key(1)))
    still = eqx.tree_at(lambda net: net.dropout, network, DenseConfig(dropout=0.0).vector(9, 5, key=KEY).dropout)
    np.testing.assert_array_equal(eqx.filter_jit(still)(x, key=KEY), run(x))


def test_the_field_depends_on_state_time_and_particle():
    field = DenseConfig(width=16, time_features=4).build(shape=(5,), in_channels=1, out_channels=1, features=9, key=KEY)
    x, time, features = jnp.ones((2, 5, 1)), jnp.full(2, 0.3), jnp.ones((2, 9))
    run = eqx.filter_jit(field)
    base = run(x, time, features)
    assert base.shape == (2, 5, 1)
    for other in ((2 * x, time, features), (x, 2 * time, features), (x, time, 2 * features)):
        assert not np.allclose(run(*other), base)


# Regression.


def regression(**keys: Any) -> Model:
    scheme = {"name": "regression", "network": DENSE, **keys}
    config = ModelConfig.model_validate({"target": "channels", "scheme": scheme})
    return config.build(SMALL, config.unfitted(SMALL), {}, key=KEY)


def test_without_dropout_every_particle_has_one_answer():
    particles = jnp.ones((3, 9))
    mean, drawn = regression(), regression(generation_dropout=True)
    sample = eqx.filter_jit(lambda model, key: model.sample(particles, key))
    np.testing.assert_array_equal(sample(mean, KEY), sample(mean, jax.random.key(1)))
    assert sample(mean, KEY).shape == (3, 5)
    assert not np.allclose(sample(drawn, KEY), sample(drawn, jax.random.key(1)))
    assert len(np.unique(np.asarray(sample(drawn, KEY)), axis=0)) > 1


def test_the_published_code_generates_with_dropout(tmp_path: Path):
    assert RegressionConfig.model_validate({"network": DENSE}).generation_dropout is False
    file = tmp_path / "published.toml"
    file.write_text(
        'detector = "zn"\ncompat = "published"\n[model]\ntarget = "channels"\n'
        'scheme = { name = "regression", network = "dense" }\n'
        '[train]\nepochs = 1\noptimizer = { name = "adam", learning_rate = 1e-3 }\n'
    )
    scheme: Any = load_recipe(file).recipe.stages["main"].model.scheme
    assert scheme.generation_dropout is True


@pytest.mark.parametrize("relu", [True, False])
def test_the_loss_is_the_mean_squared_error_in_model_space(make_events: Callable[..., Events], relu: bool):
    model: Any = regression(relu=relu)
    events = make_events(SMALL, 6)
    batch = model.batch(jnp.asarray(events.counts), jnp.asarray(events.particles, jnp.float32), KEY)
    estimate = model.scheme.network(batch.condition.features, key=KEY)
    assert (estimate < 0).any()
    estimate = np.maximum(estimate, 0) if relu else estimate
    sums = np.einsum("bhw,rhw->br", events.counts, SMALL.readout)
    expected = np.mean((np.asarray(estimate) - np.log1p(sums)) ** 2)
    assert float(model.scheme.loss("regressor", batch, KEY).value) == pytest.approx(expected, rel=1e-5)


# What does not fit.


@pytest.mark.parametrize("scheme", [{"name": "regression", "network": DENSE}, KNN], ids=["regression", "classical"])
def test_responses_cannot_be_estimated(scheme: dict[str, Any]):
    config = ModelConfig.model_validate({"scheme": scheme})
    with pytest.raises(ComponentError, match=r"estimates channel sums: model\.target must be 'channels'$"):
        config.build(SMALL, config.unfitted(SMALL), {}, key=KEY)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("model.scheme.estimator=nearest_neighbors", "no such estimator; must be"),
        ("model.scheme.estimator.neighbours=[5,0]", "must be a whole number from 1 to"),
        ("model.scheme.folds=1", "must be a whole number from 2 to 1000"),
    ],
)
def test_a_wrong_estimator_is_one_clear_line(override: str, says: str, capsys: pytest.CaptureFixture[str]):
    assert main(["check", "zn_channels_knn", "--set", override]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"zoo: --set {override}: ")
    assert says in line


def test_without_the_extra_nothing_is_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["run", "zn_channels_knn", "--runs", str(tmp_path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line == (
        "zoo: stage main: estimator 'nearest_neighbours': scikit-learn is an extra that is not installed: "
        "pip install 'calozoo[classical]'"
    )
    assert not list(tmp_path.rglob("recipe.toml"))


def test_too_few_events_are_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["run", "zn_channels_knn", "--runs", str(tmp_path), "--set", "data.limit=80"]) == 2
    [*_, line] = capsys.readouterr().err.splitlines()
    assert line.endswith("10 neighbours among 6 events; name fewer in `neighbours`")


# From a recipe to the shelf.

RECIPE = """\
extends = "zn_channels_tree.toml"
data = { source = "sample", limit = 200 }

[model.scheme]
estimator = { name = "decision_tree", depth = [3, 6], split = [2], leaf = [2] }

[evaluate]
repeats = 2
bootstrap = 5
timing = false
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; not to be changed."""
    folder = tmp_path_factory.mktemp("tree")
    base = Path(__file__).parents[1] / "recipes" / "zn_channels_tree.toml"
    (folder / "tree.toml").write_text(RECIPE.replace("zn_channels_tree.toml", str(base)))
    assert main(["run", str(folder / "tree.toml"), "--runs", str(folder / "runs")]) == 0
    return folder / "runs" / "tree" / "001"


@pytest.fixture
def no_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is not installed."""
    for module in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "sklearn" else find(name))


def test_a_model_of_channel_sums_is_judged_by_them_alone(run: Path):
    result = json.loads((run / "result.json").read_text())
    assert result["converged"] is True
    assert (result["target"], result["parameters"]) == ("channels", 0)
    fitted = result["stages"]["main"]["fitted"]
    assert fitted["depth"] in (3, 6)
    assert (fitted["split"], fitted["leaf"]) == (2, 2)
    metrics = result["metrics"]
    seen = {name for name, found in metrics.items() if found is not None}
    assert seen == {"wasserstein", "mae", "photon_sum", "diversity"}
    assert metrics["diversity"]["pixel"] is None
    # The same answer to every question: repeats do not differ.
    assert metrics["wasserstein"]["std"] == 0
    assert result["floor"]["random_halves"]["wasserstein"]["mean"] > 0
    assert (run / "plots" / "channels.png").is_file()
    assert not (run / "plots" / "examples.png").exists()
    assert not [file for file in run.rglob("*") if file.suffix in (".pkl", ".pickle", ".joblib")]


def test_a_published_one_is_sampled_and_evaluated_without_scikit_learn(
    run: Path, tmp_path: Path, no_scikit_learn: None, capsys: pytest.CaptureFixture[str]
):
    assert main(["publish", str(run), "--as", "tree", "--registry", str(tmp_path)]) == 0
    surrogate = load("tree", tmp_path)
    assert surrogate.shape == (5,)
    particles = surrogate.recipe.data.events(surrogate.detector).particles[:7]
    np.savez(tmp_path / "particles.npz", particles)
    command = ["sample", "tree", "--registry", str(tmp_path), "--particles", str(tmp_path / "particles.npz")]
    for repeats, shape in (("1", (7, 5)), ("2", (2, 7, 5))):
        out = tmp_path / f"sums_{repeats}.npz"
        assert main([*command, "--out", str(out), "--repeats", repeats, "--batch", "4"]) == 0
        with np.load(out) as file:
            assert file["arr_0"].shape == shape
            np.testing.assert_array_equal(file["arr_0"].reshape(-1, 7, 5)[0], surrogate.sample(particles, batch=4))
            assert file["arr_0"].max() > 0
    capsys.readouterr()
    assert main(["evaluate", "tree", "--registry", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    first = json.loads((run / "result.json").read_text())
    assert found["metrics"] == first["metrics"]
