"""What every time network promises, the sizes of the sheets, and the layers they are made of."""

from __future__ import annotations

import re
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.architectures.mlp import MLPConfig
from zoo.architectures.patch_transformer import PatchTransformerConfig
from zoo.architectures.time_network import TimeNetwork, TimeNetworkConfig
from zoo.catalogue import components
from zoo.errors import ComponentError
from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.layers.patches import join_patches, patch_grid, split_patches
from zoo.layers.time_embedding import sinusoidal_embedding
from zoo.optim.precision import cast

KEY = jax.random.key(0)
BATCH, FEATURES, INPUTS = 3, 4, 2

SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"width": 16, "blocks": 2, "time_features": 8},
    "unet": {"multipliers": [1, 2], "residual_blocks": 1},
    "patch_transformer": {"patch": 4, "width": 16, "heads": 2, "blocks": 2, "time_features": 8},
    "diffusion_unet": {"channels": [4, 8], "residual_blocks": 1, "attention": [0], "heads": 2, "groups": 2},
}
"""Tables that make a network cheap to test; one that is not here is tested with its defaults."""

IDLE = {"diffusion_unet": r"\.context\.(norm|query|key)\."}
"""Weights of published networks that nothing depends on: attention to a single token has one possible result."""

NETWORKS: dict[str, Any] = {
    name: config.model_validate(SMALL.get(name, {}))
    for name, config in components("architecture").items()
    if issubclass(config, TimeNetworkConfig)
}
SHAPES = {"vector": (5,), "image": (9, 10)}


def fits(config: Any, shape: tuple[int, ...]) -> bool:
    try:
        eqx.filter_eval_shape(lambda: build(config, shape, perturbed=False))
    except ComponentError:
        return False
    return True


def build(config: Any, shape: tuple[int, ...], *, perturbed: bool = True, inputs: int = INPUTS) -> TimeNetwork:
    """A network; perturbed, no weight is at a special value such as zero, so that every input matters."""
    network = config.build(shape=shape, in_channels=inputs, out_channels=1, features=FEATURES, key=KEY)
    if not perturbed:
        return network
    arrays, static = eqx.partition(network, eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(arrays)
    noise = np.random.default_rng(1)
    moved = [leaf + jnp.asarray(0.2 * noise.normal(size=leaf.shape), leaf.dtype) for leaf in leaves]
    return eqx.combine(jax.tree.unflatten(tree, moved), static)


CASES = [(name, shape) for name, config in NETWORKS.items() for shape in SHAPES.values() if fits(config, shape)]
each_case = pytest.mark.parametrize(("name", "shape"), CASES)


def inputs_of(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(BATCH, *shape, INPUTS))
    return x.astype("f4"), draw.uniform(size=BATCH).astype("f4"), draw.normal(size=(BATCH, FEATURES)).astype("f4")


forward = eqx.filter_jit(lambda network, x, time, features: network(x, time, features))


def output(network: TimeNetwork, *arguments: np.ndarray) -> np.ndarray:
    return np.asarray(forward(network, *map(jnp.asarray, arguments)))


def test_every_time_network_fits_vectors_or_images():
    assert {name for name, _ in CASES} == set(NETWORKS)
    assert set(NETWORKS) >= {"mlp", "patch_transformer", "unet"}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(5,), (9, 10), (1, 1), (2, 3, 4)])
def test_a_shape_that_does_not_fit_is_refused_in_one_line(name: str, shape: tuple[int, ...]):
    try:
        network = eqx.filter_eval_shape(lambda: build(NETWORKS[name], shape, perturbed=False))
    except ComponentError as error:
        message = str(error)
    else:
        message = ""
        x = jax.ShapeDtypeStruct((BATCH, *shape, INPUTS), jnp.float32)
        time, features = (jax.ShapeDtypeStruct(size, jnp.float32) for size in ((BATCH,), (BATCH, FEATURES)))
        found = eqx.filter_eval_shape(lambda network, *given: network(*given), network, x, time, features)
        assert found.shape == (BATCH, *shape, 1)
    assert "\n" not in message
    assert not message or message.startswith(f"architecture {name!r}")


@each_case
def test_the_output_has_the_shape_of_the_state(name: str, shape: tuple[int, ...]):
    network = build(NETWORKS[name], shape, perturbed=False)
    found = output(network, *inputs_of(shape))
    assert found.shape == (BATCH, *shape, 1)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    leaves = jax.tree.leaves(eqx.filter(network, eqx.is_array))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}


@each_case
def test_examples_do_not_influence_each_other(name: str, shape: tuple[int, ...]):
    network = build(NETWORKS[name], shape)
    given, other = inputs_of(shape), inputs_of(shape, seed=1)
    mixed = [np.concatenate([mine[:1], theirs[1:]]) for mine, theirs in zip(given, other, strict=True)]
    expected, found = output(network, *given), output(network, *mixed)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-5)
    assert not np.allclose(found[1:], expected[1:], rtol=1e-2)


@each_case
@pytest.mark.parametrize("argument", [0, 1, 2], ids=["state", "time", "features"])
def test_every_input_matters(name: str, shape: tuple[int, ...], argument: int):
    network = build(NETWORKS[name], shape)
    given = list(inputs_of(shape))
    before = output(network, *given)
    given[argument] = inputs_of(shape, seed=1)[argument]
    assert (np.abs(output(network, *given) - before).reshape(BATCH, -1).max(axis=1) > 1e-4).all()


@each_case
def test_every_weight_gets_a_finite_gradient(name: str, shape: tuple[int, ...]):
    weights = np.random.default_rng(2).normal(size=(BATCH, *shape, 1))

    @eqx.filter_jit
    @eqx.filter_grad
    def gradient(network: TimeNetwork, x: Any, time: Any, features: Any) -> Any:
        return jnp.sum(network(x, time, features) * weights)

    leaves = jax.tree.leaves_with_path(gradient(build(NETWORKS[name], shape), *map(jnp.asarray, inputs_of(shape))))
    assert leaves
    for path, leaf in leaves:
        place = jax.tree_util.keystr(path)
        assert np.isfinite(np.asarray(leaf)).all(), place
        idle = name in IDLE and re.search(IDLE[name], place) is not None
        assert np.asarray(leaf).any() != idle, place


@each_case
def test_in_bfloat16_the_output_is_still_float32_and_about_the_same(name: str, shape: tuple[int, ...]):
    network = build(NETWORKS[name], shape)
    exact, low = (output(cast(network, jnp.dtype(dtype)), *inputs_of(shape)) for dtype in ("float32", "bfloat16"))
    assert low.dtype == np.float32
    assert 0 < np.abs(low - exact).max() < 0.1 * np.abs(exact).max() + 0.05


@each_case
def test_the_same_key_gives_the_same_weights(name: str, shape: tuple[int, ...]):
    one, other = (build(NETWORKS[name], shape, perturbed=False) for _ in range(2))
    for mine, theirs in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def size(network: TimeNetwork) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(network))


@pytest.mark.parametrize(("width", "blocks", "time_features"), [(8, 1, 2), (256, 4, 64)])
def test_parameters_of_the_mlp(width: int, blocks: int, time_features: int):
    config = MLPConfig(width=width, blocks=blocks, time_features=time_features)
    network = eqx.filter_eval_shape(lambda: build(config, (5,), perturbed=False))
    enter = (5 * INPUTS + FEATURES + time_features + 1) * width
    assert size(network) == enter + blocks * (2 * width + 2 * (width + 1) * width) + 2 * width + (width + 1) * 5


@pytest.mark.parametrize(("shape", "tokens"), [((44, 44), 36), ((56, 30), 28)])
def test_parameters_of_the_patch_transformer(shape: tuple[int, int], tokens: int):
    width, blocks, expansion, time_features, pixels = 96, 4, 4, 64, 64
    network = eqx.filter_eval_shape(lambda: build(PatchTransformerConfig(), shape, perturbed=False))
    attention = (width + 1) * 3 * width + (width + 1) * width
    forward = (width + 1) * expansion * width + (expansion * width + 1) * width
    block = attention + forward + (width + 1) * 6 * width
    condition = (FEATURES + time_features + 1) * width + (width + 1) * width
    ends = (pixels * INPUTS + 1) * width + (width + 1) * 2 * width + (width + 1) * pixels
    assert size(network) == blocks * block + condition + ends + tokens * width


def test_a_fresh_patch_transformer_predicts_zero():
    """The last layer and the gates start at zero, as in DiT."""
    network = build(NETWORKS["patch_transformer"], (9, 10), perturbed=False)
    assert not output(network, *inputs_of((9, 10))).any()


def test_heads_have_to_divide_the_width():
    with pytest.raises(ComponentError, match=r"^architecture 'patch_transformer': heads = 5 must divide width = 96$"):
        build(PatchTransformerConfig(heads=5), (44, 44))


@pytest.mark.parametrize(
    ("rows", "columns", "channels", "patch"), [(44, 44, 1, 8), (56, 30, 2, 8), (5, 7, 3, 4), (3, 2, 1, 9), (4, 6, 1, 1)]
)
def test_patches_are_joined_as_they_were_cut(rows: int, columns: int, channels: int, patch: int):
    x = np.random.default_rng(0).normal(size=(2, rows, columns, channels)).astype(np.float32)
    tokens = split_patches(jnp.asarray(x), patch)
    down, across = patch_grid((rows, columns), patch)
    assert tokens.shape == (2, down * across, patch * patch * channels)
    assert (down, across) == (int(np.ceil(rows / patch)), int(np.ceil(columns / patch)))
    np.testing.assert_array_equal(join_patches(tokens, patch, (rows, columns)), x)
    assert float(jnp.abs(tokens).sum()) == pytest.approx(np.abs(x).sum(), rel=1e-4)


def test_patches_are_in_raster_order_and_padded_by_half_on_each_side():
    """44x44 in patches of 8: two zero rows and columns around, 6x6 tokens, pixels row-major inside a token."""
    x = np.arange(44 * 44, dtype=np.float32).reshape(1, 44, 44, 1) + 1
    padded = np.pad(x[0, :, :, 0], 2)
    tokens = np.asarray(split_patches(jnp.asarray(x), 8))
    assert tokens.shape == (1, 36, 64)
    for token in range(36):
        row, column = divmod(token, 6)
        expected = padded[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
        np.testing.assert_array_equal(tokens[0, token].reshape(8, 8), expected)


def test_the_time_embedding_is_the_published_formula():
    time, half = np.array([0.0, 0.3, 1.0]), 8
    frequencies = 10_000.0 ** (-np.arange(half) / half)
    expected = np.hstack([np.cos(time[:, None] * frequencies), np.sin(time[:, None] * frequencies)])
    np.testing.assert_allclose(sinusoidal_embedding(jnp.asarray(time), 2 * half), expected, atol=1e-6)


def test_layer_norm_normalises_the_last_axis_in_float32():
    x = np.random.default_rng(0).normal(3, 2, (2, 5, 6))
    expected = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-6)
    norm = LayerNorm(6)
    np.testing.assert_allclose(norm(jnp.asarray(x, jnp.float32)), expected, atol=1e-5)
    scaled = eqx.tree_at(lambda norm: (norm.scale, norm.bias), norm, (2 * jnp.ones(6), jnp.arange(6.0)))
    np.testing.assert_allclose(scaled(jnp.asarray(x, jnp.float32)), 2 * expected + np.arange(6), atol=1e-5)
    assert norm(jnp.asarray(x, jnp.bfloat16)).dtype == jnp.float32
    assert jax.tree.leaves(LayerNorm(6, affine=False)) == []


def test_a_constant_vector_is_normalised_to_zero():
    np.testing.assert_array_equal(LayerNorm(4)(jnp.full((2, 4), 7.0)), 0)


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
def test_a_dense_layer_is_a_matrix_product_over_the_last_axis(leading: tuple[int, ...]):
    x = np.random.default_rng(0).normal(size=(*leading, 7)).astype(np.float32)
    layer = eqx.tree_at(lambda layer: layer.bias, Linear(7, 4, key=KEY), jnp.arange(4.0))
    expected = x @ np.asarray(layer.weight) + np.arange(4)
    np.testing.assert_allclose(layer(jnp.asarray(x)), expected, rtol=1e-5, atol=1e-5)
    assert cast(layer, jnp.dtype("bfloat16"))(jnp.asarray(x)).dtype == jnp.bfloat16


def test_a_dense_layer_starts_as_the_published_ones():
    """LeCun normal: mean 0, standard deviation 1/sqrt(fan_in), cut at about two of them; bias zero."""
    layer = Linear(400, 300, key=KEY)
    weight = np.asarray(layer.weight, np.float64)
    assert weight.mean() == pytest.approx(0, abs=1e-3)
    assert weight.std() == pytest.approx(1 / np.sqrt(400), rel=0.02)
    assert np.abs(weight).max() <= 2.3 / np.sqrt(400)
    assert not np.asarray(layer.bias).any()
    assert Linear(3, 2, use_bias=False, key=KEY).bias is None
