"""The convolutional networks of FoCal's GANs: sizes, shapes of any detector, condition maps."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.architectures.strided_cnn import StridedCNNConfig
from zoo.schemes.gan.networks import Discriminator, Generator

KEY = jax.random.key(0)
FOCAL = (105, 105)


def size(build: Any) -> int:
    shapes = eqx.filter_eval_shape(build)
    leaves = jax.tree.leaves_with_path(eqx.filter(shapes, lambda leaf: hasattr(leaf, "dtype")))
    return sum(leaf.size for path, leaf in leaves if ".value" not in jax.tree_util.keystr(path))


@pytest.mark.parametrize(
    ("table", "maps", "expected"),
    [
        ({}, 0, 998_241),
        ({"doubling": "repeated", "residual_blocks": [2, 1]}, 0, 1_382_401),
        ({"width": 80, "refine": [5, 5]}, 1, 162_876),
        ({"width": 50, "refine": [12, 12]}, 1, 87_087),
    ],
)
def test_generators_of_focal_have_the_sizes_of_the_paper(table: dict[str, Any], maps: int, expected: int):
    """From 20 numbers of noise and three features; running statistics do not count (components 11)."""
    config = StridedCNNConfig.model_validate(table)
    assert size(lambda: Generator(config, FOCAL, 20, 3, maps, key=KEY)) == expected


def test_the_discriminator_of_focal_has_the_proposed_size():
    config = StridedCNNConfig()
    convolutions = 16 * (32 + 32 * 64 + 64 * 128 + 128 * 256) + 32 + 64 + 128 + 256
    found = size(lambda: Discriminator(config, FOCAL, 3, token_size=0, hidden=[128], key=KEY))
    assert found == convolutions + (7 * 7 * 256 + 3) * 128 + 128 + 129


@settings(max_examples=30)
@given(st.tuples(st.integers(1, 130), st.integers(1, 130)), st.integers(1, 9), st.integers(1, 40))
def test_the_shape_of_any_detector_decides_how_often_a_map_is_doubled(
    shape: tuple[int, int], smallest: int, width: int
):
    config = StridedCNNConfig(width=width, smallest=smallest)
    rows, columns = config.first_map(shape)
    scale = 2 ** config.halvings(shape)
    assert (rows - 1) * scale < shape[0] <= rows * scale
    assert (columns - 1) * scale < shape[1] <= columns * scale
    assert min(rows, columns) >= min(smallest, *shape)
    assert min(rows, columns) == 1 or (min(rows, columns) + 1) // 2 < smallest


def test_focal_is_halved_from_105_to_7():
    assert StridedCNNConfig().halvings(FOCAL) == 4
    assert StridedCNNConfig().first_map(FOCAL) == (7, 7)


@pytest.mark.parametrize("shape", [(44, 44), (56, 30), (3, 5)])
def test_encoder_and_decoder_fit_the_shape(shape: tuple[int, int]):
    config = StridedCNNConfig(width=8, residual_blocks=(1, 0), refine=(3,))

    def passed() -> Any:
        encoder = config.build_encoder(shape=shape, features=3, key=KEY)
        decoder = config.build_guided(shape=shape, token_size=8, features=3, maps=2, key=KEY)
        features, maps = jnp.zeros((2, 3)), jnp.zeros((2, *shape, 2))
        tokens = encoder(jnp.zeros((2, *shape, 1)), features, key=None)[0]
        image = decoder.guided(jnp.zeros((2, config.decoder_tokens(shape), 8)), features, maps, key=KEY)[0]
        return tokens, image

    tokens, image = eqx.filter_eval_shape(passed)
    assert tokens.shape == (2, *config.encoder_tokens(shape, features=3))
    assert image.shape == (2, *shape)


@pytest.mark.parametrize("table", [{"doubling": "transposed"}, {"doubling": "repeated", "residual_blocks": [1]}])
def test_images_depend_on_tokens_and_maps_alone_and_are_never_negative(table: dict[str, Any]):
    config = StridedCNNConfig.model_validate(table | {"width": 6, "smallest": 3, "refine": [2]})
    decoder = config.build_guided(shape=(7, 6), token_size=6, maps=1, key=KEY)
    draw = np.random.default_rng(0)
    tokens = jnp.asarray(draw.standard_normal((3, config.decoder_tokens((7, 6)), 6)), jnp.float32)
    maps = jnp.asarray(draw.uniform(0, 3, (3, 7, 6, 1)), jnp.float32)

    @eqx.filter_jit
    def images(decoder: Any, tokens: Any, maps: Any) -> Any:
        return decoder.guided(tokens, None, maps, key=None)[0], decoder.guided(tokens, None, maps, key=KEY)

    evaluated, (trained, moved) = images(decoder, tokens, maps)
    assert evaluated.shape == trained.shape == (3, 7, 6)
    assert float(jnp.minimum(evaluated.min(), trained.min())) >= 0.0
    # Statistics of the batch in training, running ones otherwise; the decoder that comes back has moved on.
    assert np.abs(evaluated - trained).max() > 1e-3
    assert not eqx.tree_equal(moved, decoder)
    others = images(decoder, tokens, maps.at[0].set(0.0))[0]
    assert np.abs(others[0] - evaluated[0]).max() > 1e-3
    np.testing.assert_array_equal(others[1:], evaluated[1:])
