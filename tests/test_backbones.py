"""Encoders and decoders: parameters, shapes, what they depend on, and how training differs from evaluation."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from zoo.architectures.backbone import BackboneConfig
from zoo.architectures.cnn import CNNConfig
from zoo.architectures.mlp_mixer import MLPMixerConfig
from zoo.architectures.vit import ViTConfig
from zoo.errors import ComponentError
from zoo.layers.buffer import Buffer
from zoo.optim.precision import cast

KEY = jax.random.key(0)
ZN, ZP, ODD = (44, 44), (56, 30), (13, 9)
BATCH, FEATURES, SIZE = 3, 4, 6
PUBLISHED: dict[str, BackboneConfig] = {"cnn": CNNConfig(), "vit": ViTConfig(), "mlp_mixer": MLPMixerConfig()}
TINY: dict[str, BackboneConfig] = {
    "cnn": CNNConfig(channels=(4, 8), blocks=1),
    "vit": ViTConfig(patch=4, width=8, heads=2, blocks=2, dropout=0.3),
    "mlp_mixer": MLPMixerConfig(patch=4, width=8, blocks=2, token_hidden=6, channel_hidden=12),
}
PARTS = [(name, part) for name in TINY for part in ("encoder", "decoder")]


@eqx.filter_jit
def run(network: Any, x: Any, features: Any, key: Any) -> Any:
    return network(x, features, key=key)


def build(config: BackboneConfig, part: str, shape: tuple[int, ...] = ODD, features: int = FEATURES) -> Any:
    if part == "encoder":
        return config.build_encoder(shape=shape, features=features, key=KEY)
    return config.build_decoder(shape=shape, token_size=SIZE, features=features, key=KEY)


def inputs(config: BackboneConfig, part: str, shape: tuple[int, int] = ODD, seed: int = 0) -> tuple[Any, Any]:
    """Images or tokens, and conditions."""
    draw = np.random.default_rng(seed)
    wanted = (*shape, 1) if part == "encoder" else (config.decoder_tokens(shape), SIZE)
    arrays = draw.normal(size=(BATCH, *wanted)), draw.normal(size=(BATCH, FEATURES))
    return tuple(jnp.asarray(array, jnp.float32) for array in arrays)


def parameters(network: Any) -> int:
    leaves = jax.tree.leaves(network, is_leaf=lambda node: isinstance(node, Buffer))
    return sum(leaf.size for leaf in leaves if not isinstance(leaf, Buffer))


def abstract(config: BackboneConfig, part: str, shape: tuple[int, int] = ZN, **sizes: int) -> Any:
    make = config.build_encoder if part == "encoder" else config.build_decoder
    return eqx.filter_eval_shape(lambda key: make(shape=shape, key=key, **sizes), KEY)


@pytest.mark.parametrize("name", TINY)
def test_their_names(name: str):
    config = type(PUBLISHED[name])
    assert (config.kind, config.component) == ("architecture", name)


@pytest.mark.parametrize(
    ("name", "part", "sizes", "number"),
    [
        ("cnn", "encoder", {}, 323_488),
        ("cnn", "encoder", {"features": 9}, 323_488),
        ("cnn", "decoder", {"token_size": 64}, 407_201),
        ("vit", "encoder", {}, 457_248),
        ("vit", "encoder", {"features": 9}, 458_208),
        ("vit", "decoder", {"token_size": 64}, 463_201),
        ("vit", "decoder", {"token_size": 256}, 481_633),
        ("mlp_mixer", "encoder", {}, 426_292),
        ("mlp_mixer", "encoder", {"features": 9}, 428_537),
        ("mlp_mixer", "decoder", {"token_size": 64}, 432_245),
    ],
)
def test_parameters_of_the_published_networks(name: str, part: str, sizes: dict[str, int], number: int):
    assert parameters(abstract(PUBLISHED[name], part, **sizes)) == number


@pytest.mark.parametrize(
    ("blocks", "heads", "width", "embedding", "total"),
    [
        (3, 3, 48, 128, 245_217),
        (4, 4, 96, 256, 1_103_233),
        (4, 4, 192, 256, 3_836_161),
        (6, 6, 288, 512, 12_753_153),
        (8, 8, 512, 512, 51_477_505),
    ],
)
def test_sizes_of_the_published_quantised_autoencoders(blocks: int, heads: int, width: int, embedding: int, total: int):
    """Thesis, table 4.5: beside the two parts, a dense layer on either side of a codebook of 256 with a projection."""
    config = ViTConfig(width=width, heads=heads, blocks=blocks)
    own = parameters(abstract(config, "encoder")) + parameters(abstract(config, "decoder", token_size=embedding))
    quantiser = (width + 1) * embedding + 256 * embedding + embedding * 32 + (embedding + 1) * embedding
    assert own + quantiser == total


@pytest.mark.parametrize("features", [0, FEATURES])
@pytest.mark.parametrize("shape", [ZN, ZP, ODD])
@pytest.mark.parametrize("name", TINY)
def test_shapes(name: str, shape: tuple[int, int], features: int):
    config = PUBLISHED[name] if shape != ODD else TINY[name]
    image, given = jax.ShapeDtypeStruct((BATCH, *shape, 1), "f4"), jax.ShapeDtypeStruct((BATCH, features), "f4")
    given = given if features else None
    encoder = abstract(config, "encoder", shape, features=features)
    tokens, moved = eqx.filter_eval_shape(lambda network, x, c: network(x, c, key=None), encoder, image, given)
    assert tokens.shape == (BATCH, *config.encoder_tokens(shape, features=features))
    assert tokens.dtype == jnp.float32
    assert jax.tree.structure(moved) == jax.tree.structure(encoder)
    tokens = jax.ShapeDtypeStruct((BATCH, config.decoder_tokens(shape), SIZE), "f4")
    decoder = abstract(config, "decoder", shape, features=features, token_size=SIZE)
    image, moved = eqx.filter_eval_shape(lambda network, x, c: network(x, c, key=None), decoder, tokens, given)
    assert image.shape == (BATCH, *shape)
    assert image.dtype == jnp.float32
    assert jax.tree.structure(moved) == jax.tree.structure(decoder)


def test_token_grids():
    grids = [
        (PUBLISHED[name].encoder_tokens(shape)[0], PUBLISHED[name].decoder_tokens(shape))
        for name in TINY
        for shape in (ZN, ZP)
    ]
    assert grids == [(25, 36), (21, 40), (36, 36), (28, 28), (36, 36), (28, 28)]
    assert PUBLISHED["cnn"].encoder_tokens(ZN, features=9) == (25, 256 + 9)
    assert [config.pre_size for config in PUBLISHED.values()] == [256, 96, 96]


@given(st.integers(1, 200), st.integers(1, 200))
def test_the_convolutional_decoder_starts_from_the_smallest_map_that_covers_the_image(rows: int, columns: int):
    config = CNNConfig()
    first = config.first_map((rows, columns))
    assert config.decoder_tokens((rows, columns)) == first[0] * first[1]
    for size, start in zip((rows, columns), first, strict=True):
        assert 8 * (start - 1) < size + 4 <= 8 * start


def test_the_convolutional_decoder_meets_the_published_shape_exactly():
    assert CNNConfig().first_map(ZN) == (6, 6)


@pytest.fixture(scope="module", params=PARTS, ids="-".join)
def evaluated(request: pytest.FixtureRequest) -> tuple[BackboneConfig, str, Any, Any]:
    """Config, part, network, its output on the standard inputs in evaluation mode."""
    name, part = request.param
    network = build(TINY[name], part)
    return TINY[name], part, network, run(network, *inputs(TINY[name], part), None)[0]


def test_evaluation_is_deterministic_and_returns_the_network_as_it_was(evaluated: Any):
    config, part, network, output = evaluated
    again, kept = run(network, *inputs(config, part), None)
    assert (np.asarray(again) == np.asarray(output)).all()
    assert eqx.tree_equal(kept, network)


def test_evaluation_judges_every_example_by_itself(evaluated: Any):
    config, part, network, output = evaluated
    x, features = inputs(config, part)
    other, others = inputs(config, part, seed=1)
    mixed, _ = run(network, x.at[1:].set(other[1:]), features.at[1:].set(others[1:]), None)
    np.testing.assert_allclose(mixed[0], output[0], atol=1e-5)
    assert not np.allclose(mixed[1], output[1], atol=1e-3)


def test_every_input_matters(evaluated: Any):
    """Every pixel or number of a token, and every feature, moves the output."""
    config, part, network, _ = evaluated

    @eqx.filter_jit
    def gradients(network: Any, x: Any, features: Any) -> Any:
        weights = jnp.asarray(np.random.default_rng(2).normal(size=evaluated[3].shape), jnp.float32)
        return jax.grad(lambda x, c: jnp.sum(weights * network(x, c, key=None)[0]), (0, 1))(x, features)

    for gradient in gradients(network, *inputs(config, part)):
        assert np.isfinite(gradient).all()
        assert (np.abs(gradient) > 0).all()


def test_decoders_give_positive_images_that_do_not_start_dark(evaluated: Any):
    _, part, _, output = evaluated
    if part == "decoder":
        assert (np.asarray(output) >= 0).all()
        assert 0.2 < np.mean(output) < 1.5
    else:
        assert (np.asarray(output) < 0).any()


@pytest.fixture(scope="module", params=PARTS, ids="-".join)
def trained(request: pytest.FixtureRequest) -> tuple[str, str, Any, Any, Any, Any]:
    """Name, part, network, and of one training pass: output, moved network, gradient of a weighted sum."""
    name, part = request.param
    network = build(TINY[name], part)
    weights, static = eqx.partition(network, eqx.is_inexact_array)

    @eqx.filter_jit
    def step(weights: Any, x: Any, features: Any, key: Any) -> Any:
        def loss(weights: Any) -> Any:
            output, moved = eqx.combine(weights, static)(x, features, key=key)
            factors = jnp.asarray(np.random.default_rng(2).normal(size=output.shape), jnp.float32)
            return jnp.sum(factors * output), (output, moved)

        return jax.grad(loss, has_aux=True)(weights)

    gradient, (output, moved) = step(weights, *inputs(TINY[name], part), jax.random.key(5))
    return name, part, network, output, moved, gradient


def test_every_weight_gets_a_finite_gradient(trained: Any):
    gradient = trained[5]
    leaves = jax.tree_util.tree_leaves_with_path(gradient, is_leaf=lambda node: isinstance(node, Buffer))
    assert leaves
    for path, leaf in leaves:
        if not isinstance(leaf, Buffer):
            assert np.isfinite(leaf).all(), jax.tree_util.keystr(path)
            assert np.asarray(leaf).any(), jax.tree_util.keystr(path)


def test_running_statistics_get_no_gradient(trained: Any):
    buffers = _buffers(trained[5])
    assert bool(buffers) == (trained[0] == "cnn")
    assert not any(np.asarray(buffer.value).any() for buffer in buffers)


def test_only_running_statistics_move_in_training(trained: Any):
    name, _, network, _, moved, _ = trained
    before, after = _buffers(network), _buffers(moved)
    assert len(before) == len(after) == (4 if name == "cnn" else 0)
    for one, other in zip(before, after, strict=True):
        assert not np.allclose(one.value, other.value)
    for one, other in zip(_weights(network), _weights(moved), strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_draws_dropout_masks_from_its_key(trained: Any):
    name, part, network, output, _, _ = trained
    again, other = (run(network, *inputs(TINY[name], part), jax.random.key(seed))[0] for seed in (5, 6))
    evaluation, _ = run(network, *inputs(TINY[name], part), None)
    np.testing.assert_allclose(again, output, atol=1e-4)
    assert np.allclose(other, output, atol=1e-4) == (name != "vit")
    assert np.allclose(evaluation, output, atol=1e-4) == (name == "mlp_mixer")


def _buffers(network: Any) -> list[Buffer]:
    leaves = jax.tree.leaves(network, is_leaf=lambda node: isinstance(node, Buffer))
    return [leaf for leaf in leaves if isinstance(leaf, Buffer)]


def _weights(network: Any) -> list[Any]:
    leaves = jax.tree.leaves(network, is_leaf=lambda node: isinstance(node, Buffer))
    return [leaf for leaf in leaves if not isinstance(leaf, Buffer)]


def test_a_transformer_tells_tokens_apart_by_their_positions_alone():
    decoder = build(TINY["vit"], "decoder")
    tokens, features = inputs(TINY["vit"], "decoder")
    order = np.random.default_rng(0).permutation(tokens.shape[1])
    trunk = decoder.trunk
    blind = eqx.tree_at(lambda trunk: trunk.positions, trunk, jnp.zeros_like(trunk.positions))
    tokens = decoder.enter(tokens)
    for one, same in ((blind, True), (trunk, False)):
        straight, permuted = run(one, tokens, features, None), run(one, tokens[:, order], features, None)
        assert np.allclose(straight[:, order], permuted, atol=1e-5) == same


def test_a_mixer_tells_tokens_apart_without_positions():
    decoder = build(TINY["mlp_mixer"], "decoder")
    assert decoder.trunk.positions is None
    tokens, features = inputs(TINY["mlp_mixer"], "decoder")
    straight, permuted = (run(decoder.trunk, decoder.enter(x), features, None) for x in (tokens, tokens[:, ::-1]))
    assert not np.allclose(straight[:, ::-1], permuted, atol=1e-3)


def test_patches_do_not_overlap():
    """The padding is half on each side, so that the first patches of a 13x9 image have three rows of it."""
    encoder = build(TINY["vit"], "encoder")
    x, _ = inputs(TINY["vit"], "encoder")
    tokens = encoder.enter(x)
    moved = encoder.enter(x.at[:, 3:, :].add(1.0))
    np.testing.assert_array_equal(moved[:, :3], tokens[:, :3])
    assert not np.allclose(moved[:, 3], tokens[:, 3])


def test_the_condition_is_the_end_of_every_token_of_the_convolutional_encoder():
    encoder = build(TINY["cnn"], "encoder")
    x, features = inputs(TINY["cnn"], "encoder")
    tokens, _ = run(encoder, x, features, None)
    bare, _ = run(build(TINY["cnn"], "encoder", features=0), x, None, None)
    np.testing.assert_array_equal(tokens[..., -FEATURES:], np.repeat(features[:, None], tokens.shape[1], axis=1))
    np.testing.assert_allclose(tokens[..., :-FEATURES], bare, atol=1e-5)


@pytest.mark.parametrize("part", ["encoder", "decoder"])
@pytest.mark.parametrize("name", TINY)
def test_half_precision_stays_inside(name: str, part: str):
    network = cast(build(TINY[name], part), jnp.dtype("bfloat16"))
    x, features = inputs(TINY[name], part)
    output, moved = eqx.filter_eval_shape(network, x, features, key=KEY)
    assert output.dtype == jnp.float32
    assert [leaf.dtype for leaf in jax.tree.leaves(moved)] == [leaf.dtype for leaf in jax.tree.leaves(network)]
    assert all(buffer.value.dtype == jnp.float32 for buffer in _buffers(moved))


@pytest.mark.parametrize("part", ["encoder", "decoder"])
@pytest.mark.parametrize("name", TINY)
def test_only_images_have_tokens(name: str, part: str):
    with pytest.raises(ComponentError, match=f"architecture {name!r} needs an image, not a target of shape"):
        build(TINY[name], part, shape=(5,))


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_heads_divide_the_width(part: str):
    with pytest.raises(ComponentError, match="heads = 3 must divide width = 8"):
        build(ViTConfig(width=8, heads=3), part)


def test_an_image_may_be_too_small_to_be_halved():
    with pytest.raises(ComponentError, match="3 levels are too many for images of 7x40 pixels"):
        build(CNNConfig(), "encoder", shape=(7, 40))


@pytest.mark.parametrize("keys", [{"channels": ()}, {"channels": (6,)}, {"channels": (0,)}, {"blocks": 0}])
def test_wrong_channels_are_refused(keys: dict[str, Any]):
    with pytest.raises(ValidationError):
        CNNConfig(**keys)


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_wrong_dropout_is_refused(dropout: float):
    with pytest.raises(ValidationError):
        ViTConfig(dropout=dropout)
