"""The U-Net of the thesis' diffusion model: counts, blocks against plain formulae, wiring."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf, expit

from zoo.architectures.diffusion_unet import DiffusionUNet, DiffusionUNetConfig
from zoo.errors import ComponentError
from zoo.layers.biased_conv import BiasedConv
from zoo.layers.group_norm import GroupNorm, standardise_by_products, standardise_plain
from zoo.layers.group_residual import GroupResidualBlock
from zoo.layers.initial import uniform
from zoo.layers.spatial_transformer import SpatialTransformer
from zoo.optim.precision import cast

KEY = jax.random.key(0)
BATCH, ROWS, COLUMNS = 2, 5, 4


def size(tree: object) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree) if isinstance(leaf, jax.Array | jax.ShapeDtypeStruct))


def abstract(shape: tuple[int, ...], features: int = 9, inputs: int = 1, **table: Any) -> DiffusionUNet:
    config = DiffusionUNetConfig.model_validate(table)
    return eqx.filter_eval_shape(
        lambda: config.build(shape=shape, in_channels=inputs, out_channels=1, features=features, key=KEY)
    )


def stirred(layer: Any) -> Any:
    """The layer with biases and scales that are not at the special values they start from."""
    weights, static = eqx.partition(layer, eqx.is_inexact_array)
    draw = np.random.default_rng(1)
    moved = jax.tree.map(lambda leaf: leaf + jnp.asarray(0.2 * draw.normal(size=leaf.shape), leaf.dtype), weights)
    return eqx.combine(moved, static)


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("shape", [(44, 44), (56, 30)])
def test_the_network_has_the_published_size(shape: tuple[int, int]):
    assert size(abstract(shape)) == 4_255_585


def test_with_the_three_features_of_focal_it_has_the_size_of_that_paper():
    assert size(abstract((105, 105), features=3)) == 4_255_393


def test_the_enhancer_of_the_focal_paper_is_a_setting_of_it():
    table: dict[str, Any] = {"channels": [16, 32], "residual_blocks": 1, "attention": [], "context": 4}
    assert size(abstract((105, 105), features=3, inputs=2, **table)) == 181_265


def test_the_parts_have_the_published_sizes():
    net = abstract((44, 44))
    assert size([net.time_hidden, net.time_out, net.condition, net.first]) == 5_728
    halving, doubling = ([size(part) for part in parts] + [0] for parts in (net.downsample, net.upsample))
    down = [size(level) + rest for level, rest in zip(net.down, halving, strict=True)]
    up = [size(level) + rest for level, rest in zip(net.up, doubling, strict=True)]
    assert down == [13_808, 46_560, 351_808, 542_464]
    assert size([net.middle_first, net.middle_second]) == 946_560
    assert up == [1_519_360, 690_112, 110_592, 28_416]
    assert size([net.norm, net.last]) == 177
    attended = [{step.attention is not None for step in level} for level in (*net.down, *net.up)]
    assert attended == [{False}, {False}, {True}, {False}, {False}, {True}, {False}, {False}]
    assert [len(level) for level in (*net.down, *net.up)] == [2] * 4 + [3] * 4


def test_weights_start_as_in_pytorch():
    layer = BiasedConv(32, 64, 3, init=uniform, key=KEY)
    bound = (9 * 32) ** -0.5
    assert 0.99 * bound < float(jnp.abs(layer.weight).max()) <= bound
    assert float(layer.weight.std()) == pytest.approx(bound / 3**0.5, rel=0.02)
    assert not np.asarray(layer.bias).any()


def grouped(x: np.ndarray, norm: GroupNorm) -> np.ndarray:
    """Group norm as the definition has it."""
    parts = x.reshape(len(x), -1, norm.groups, x.shape[-1] // norm.groups)
    mean, variance = parts.mean(axis=(1, 3), keepdims=True), parts.var(axis=(1, 3), keepdims=True)
    normed = ((parts - mean) / np.sqrt(variance + norm.eps)).reshape(x.shape)
    return normed * np.asarray(norm.scale) + np.asarray(norm.bias)


def layered(x: np.ndarray, norm: Any) -> np.ndarray:
    normed = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + norm.eps)
    return normed * np.asarray(norm.scale) + np.asarray(norm.bias)


def dense(x: np.ndarray, layer: Any) -> np.ndarray:
    return x @ np.asarray(layer.weight) + (0.0 if layer.bias is None else np.asarray(layer.bias))


def convolved(x: np.ndarray, layer: BiasedConv) -> np.ndarray:
    """A 3x3 convolution with a margin of one zero on every side, tap by tap."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows, columns, weight = x.shape[1], x.shape[2], np.asarray(layer.weight)
    taps = [padded[:, i : i + rows, j : j + columns] @ weight[i, j] for i in range(3) for j in range(3)]
    return (sum(taps) + np.asarray(layer.bias))[:, :: layer.stride, :: layer.stride]


def silu(x: np.ndarray) -> np.ndarray:
    return x * expit(x)


def test_group_norm_is_its_definition_in_both_formulations():
    x, weights = drawn(BATCH, ROWS, COLUMNS, 12) * 3 + 5, drawn(BATCH, ROWS, COLUMNS, 12, seed=1)
    norm = stirred(GroupNorm(12, 3))
    np.testing.assert_allclose(norm(jnp.asarray(x, jnp.float32)), grouped(x, norm), atol=1e-5)

    def pulled(standardise: Any) -> Any:
        return jax.grad(lambda x: jnp.sum(weights * standardise(x, 3, 1e-5)))(jnp.asarray(x, jnp.float32))

    np.testing.assert_allclose(pulled(standardise_by_products), pulled(standardise_plain), atol=1e-5)


@pytest.mark.parametrize("shape", [(4, 6), (5, 4), (7, 3)])
def test_a_strided_convolution_is_centred_as_in_pytorch(shape: tuple[int, int]):
    layer = stirred(BiasedConv(3, 4, 3, stride=2, key=KEY))
    x = drawn(BATCH, *shape, 3)
    found = layer(jnp.asarray(x, jnp.float32))
    assert found.shape == (BATCH, -(-shape[0] // 2), -(-shape[1] // 2), 4)
    np.testing.assert_allclose(found, convolved(x, layer), atol=1e-5)


@pytest.mark.parametrize("channels", [(8, 8), (16, 8)])
def test_the_residual_block_is_the_one_of_the_sheet(channels: tuple[int, int]):
    block = stirred(GroupResidualBlock(*channels, 4, 6, key=KEY))
    x, time = drawn(BATCH, ROWS, COLUMNS, channels[0]), drawn(BATCH, 6, seed=1)
    h = convolved(silu(grouped(x, block.norm1)), block.conv1) + dense(silu(time), block.time)[:, None, None]
    h = convolved(silu(grouped(h, block.norm2)), block.conv2)
    expected = h + (x if channels[0] == channels[1] else dense(x, block.skip))
    found = block(jnp.asarray(x, jnp.float32), jnp.asarray(time, jnp.float32))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def softmax(x: np.ndarray) -> np.ndarray:
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def attended(query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int) -> np.ndarray:
    """Attention head by head."""
    mixed = []
    for q, k, v in zip(*(np.split(part, heads, axis=-1) for part in (query, key, value)), strict=True):
        mixed.append(softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])) @ v)
    return np.concatenate(mixed, axis=-1)


def test_the_transformer_block_is_the_one_of_the_sheet():
    """Cross-attention is written out with its queries and keys, which do not matter for a context of one token."""
    heads, width = 2, 8
    block = stirred(SpatialTransformer(width, heads, 4, 3, key=KEY))
    x, context = drawn(BATCH, ROWS, COLUMNS, width), drawn(BATCH, 3, seed=1)
    tokens = dense(grouped(x, block.norm).reshape(BATCH, -1, width), block.enter)
    query, key, value = np.split(dense(layered(tokens, block.norm1), block.attention.qkv), 3, axis=-1)
    tokens = tokens + dense(attended(query, key, value, heads), block.attention.out)
    cross, one = block.context, context[:, None]
    query = dense(layered(tokens, cross.norm), cross.query)
    tokens = tokens + dense(attended(query, dense(one, cross.key), dense(one, cross.value), heads), cross.out)
    hidden, gate = np.split(dense(layered(tokens, block.norm2), block.feed_forward.widen), 2, axis=-1)
    gelu = gate * 0.5 * (1 + erf(gate / np.sqrt(2)))
    tokens = tokens + dense(hidden * gelu, block.feed_forward.narrow)
    expected = x + dense(tokens, block.leave).reshape(x.shape)
    found = block(jnp.asarray(x, jnp.float32), jnp.asarray(context, jnp.float32))
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_the_attention_has_biases_where_the_published_one_has_them():
    block = SpatialTransformer(8, 2, 4, 3, key=KEY)
    assert block.attention.qkv.bias is None
    assert block.attention.out.bias is not None
    assert [layer.bias is None for layer in (block.context.query, block.context.key, block.context.value)] == [True] * 3
    assert block.context.out.bias is not None


def test_norms_stay_float32_in_bfloat16():
    low = cast(GroupResidualBlock(8, 8, 4, 6, key=KEY), jnp.dtype(jnp.bfloat16))
    assert low.norm1.scale.dtype == jnp.float32
    assert low.conv1.weight.dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("table", "shape", "words"),
    [
        ({"heads": 3}, (44, 44), "heads = 3 must divide the channels 64"),
        ({"groups": 32}, (44, 44), "groups = 32 must divide the channels 16"),
        ({"attention": [4]}, (44, 44), "attention = 4 is no level; there are 0 to 3"),
        ({}, (44, 8), "4 levels are too many for images of 44x8 pixels"),
        ({}, (5,), "needs an image"),
    ],
)
def test_what_cannot_be_built_is_one_clear_line(table: dict[str, Any], shape: tuple[int, ...], words: str):
    config = DiffusionUNetConfig.model_validate(table)
    with pytest.raises(ComponentError, match=words) as caught:
        config.build(shape=shape, in_channels=1, out_channels=1, features=9, key=KEY)
    assert str(caught.value).startswith("architecture 'diffusion_unet'")
    assert "\n" not in str(caught.value)
