"""The compact encoder and decoder: parameters, maps, attention, crops."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.architectures.compact_cnn import CompactCNNConfig, MapAttention
from zoo.errors import ComponentError
from zoo.layers.attention import AttentionBlock

KEY = jax.random.key(0)
ZN, ZP = (44, 44), (56, 30)
TINY = CompactCNNConfig(channels=2, multipliers=(1, 2), residual_blocks=1, heads=2)


def size(network: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(network))


def call(network: Any, x: Any, features: Any = None) -> Any:
    return network(x, features, key=None)[0]


@pytest.mark.parametrize(("shape", "grid"), [(ZN, (11, 11)), (ZP, (14, 8))])
def test_parameters_and_maps_of_the_published_network(shape: tuple[int, int], grid: tuple[int, int]):
    config = CompactCNNConfig()
    encoder = eqx.filter_eval_shape(lambda key: config.build_encoder(shape=shape, key=key), KEY)
    decoder = eqx.filter_eval_shape(lambda key: config.build_decoder(shape=shape, token_size=4, key=key), KEY)
    assert (size(encoder), size(decoder)) == (28_332, 30_888)
    assert config.map_shape(shape) == grid
    number = grid[0] * grid[1]
    assert (config.encoder_tokens(shape), config.decoder_tokens(shape)) == ((number, 16), number)
    tokens = eqx.filter_eval_shape(call, encoder, jax.ShapeDtypeStruct((2, *shape, 1), "f4"))
    image = eqx.filter_eval_shape(call, decoder, jax.ShapeDtypeStruct((2, number, 4), "f4"))
    assert (tokens.shape, tokens.dtype) == ((2, number, 16), jnp.float32)
    assert (image.shape, image.dtype) == ((2, *shape), jnp.float32)


def test_the_decoder_keeps_the_middle_of_what_it_makes():
    """Built for an odd and for an even width, from the same key: the narrower image lies in the wider one."""
    tokens = jax.random.normal(KEY, (2, TINY.decoder_tokens((8, 6)), 3))
    whole = TINY.build_decoder(shape=(8, 6), token_size=3, key=KEY)
    narrow = TINY.build_decoder(shape=(8, 5), token_size=3, key=KEY)
    assert narrow.map == whole.map
    wide_image, narrow_image = call(whole, tokens), call(narrow, tokens)
    assert float(jnp.max(wide_image)) > 0
    np.testing.assert_allclose(narrow_image, wide_image[:, :, :5], rtol=1e-5, atol=1e-6)
    zp = eqx.filter_eval_shape(lambda key: CompactCNNConfig().build_decoder(shape=ZP, token_size=4, key=key), KEY)
    # 56 x 32 pixels come out of 14 x 8; one column is dropped on either side.
    assert (zp.map[0] * 4 - ZP[0], zp.map[1] * 4 - ZP[1]) == (0, 2)


@pytest.mark.parametrize("axis", ["full", "row"])
def test_whom_a_pixel_attends_to(axis: Any):
    attention = MapAttention(AttentionBlock(4, 4, 2, key=KEY), axis)
    x = jax.random.normal(KEY, (1, 3, 5, 4))
    changed = np.abs(np.asarray(attention(x.at[0, 1, 2, 0].add(3.0)) - attention(x)))[0].max(axis=-1) > 0
    rows = changed.any(axis=1).tolist()
    assert rows == ([True] * 3 if axis == "full" else [False, True, False])
    assert changed[1].all()


@pytest.mark.parametrize(
    ("change", "build", "words"),
    [
        ({"heads": 3}, {"shape": ZN}, "heads = 3 must divide the deepest width 16"),
        ({}, {"shape": (4, 4)}, "3 levels are too many for images of 4x4 pixels"),
        ({}, {"shape": ZN, "features": 9}, "takes no condition"),
        ({}, {"shape": (5,)}, "needs an image"),
    ],
)
def test_what_cannot_be_built_is_said_in_one_line(change: dict[str, Any], build: dict[str, Any], words: str):
    with pytest.raises(ComponentError, match=words) as raised:
        CompactCNNConfig(**change).build_encoder(key=KEY, **build)
    assert "\n" not in str(raised.value)
