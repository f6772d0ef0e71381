"""Layers of the encoders and decoders against plain formulations, and how they start."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from zoo.layers.biased_conv import BiasedConv
from zoo.layers.bottleneck import BottleneckBlock
from zoo.layers.image_convolution import ImageConvolution
from zoo.layers.mixer_block import MixerBlock
from zoo.layers.patch_embedding import PatchProjection
from zoo.layers.resize import double, halve
from zoo.layers.self_attention import SelfAttention, mix_tokens
from zoo.layers.transformer_block import TransformerBlock

KEY = jax.random.key(0)
LAYOUT = ("NHWC", "HWIO", "NHWC")


def drawn(*shape: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def parameters(network: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(network))


def close(one: Any, other: Any, tolerance: float = 1e-5) -> None:
    np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("channels", "number"), [(64, 6_768), (128, 26_848), (256, 106_944)])
def test_parameters_of_a_bottleneck_block(channels: int, number: int):
    assert parameters(BottleneckBlock(channels, key=KEY)) == number


def test_parameters_of_a_transformer_block():
    assert parameters(TransformerBlock(96, 4, 4 * 96, 0.1, key=KEY)) == 111_840


@pytest.mark.parametrize(("tokens", "number"), [(36, 83_972), (37, 84_229)])
def test_parameters_of_a_mixer_block(tokens: int, number: int):
    assert parameters(MixerBlock(tokens, 96, 128, 384, key=KEY)) == number


@pytest.mark.parametrize("shape", [(44, 44), (56, 30), (9, 13)])
def test_patches_are_joined_as_by_a_transposed_convolution(shape: tuple[int, int]):
    projection = PatchProjection(8, shape, 5, key=KEY)
    rows, columns = (-(-size // 8) for size in shape)
    grid = drawn(2, rows, columns, 5)
    kernel = projection.dense.weight.reshape(5, 8, 8).transpose(1, 2, 0)[..., None]
    whole = lax.conv_transpose(
        grid, kernel[::-1, ::-1], (8, 8), "VALID", dimension_numbers=LAYOUT, transpose_kernel=False
    )
    top, left = (8 * rows - shape[0]) // 2, (8 * columns - shape[1]) // 2
    expected = whole[:, top : top + shape[0], left : left + shape[1], 0]
    close(projection(grid.reshape(2, rows * columns, 5)), expected)


def test_all_pixels_of_a_patch_projection_share_one_bias():
    projection = PatchProjection(8, (44, 44), 96, key=KEY)
    assert parameters(projection) == 64 * 96 + 1
    assert projection.bias.size == 1


def test_the_fan_in_of_a_patch_projection_counts_the_pixels():
    weight = np.asarray(PatchProjection(8, (44, 44), 96, key=KEY).dense.weight)
    assert weight.std() == pytest.approx((64 * 96) ** -0.5, rel=0.05)
    assert np.abs(weight).max() < 2.3 * (64 * 96) ** -0.5


def test_the_last_convolution():
    layer = ImageConvolution(6, 5, key=KEY)
    x = drawn(2, 9, 12, 6)
    kernel = layer.weight.T.reshape(5, 5, 6, 1)
    close(layer(x), lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=LAYOUT)[..., 0])
    assert np.asarray(ImageConvolution(64, 5, key=KEY).weight).std() == pytest.approx(1600**-0.5, rel=0.05)


def test_a_convolution_with_bias():
    layer = BiasedConv(4, 20, 3, key=KEY)
    x = drawn(2, 7, 6, 4)
    plain = lax.conv_general_dilated(x, layer.weight, (1, 1), "SAME", dimension_numbers=LAYOUT)
    close(layer(x), plain)
    assert not np.asarray(layer.bias).any()
    assert np.asarray(layer.weight).std() == pytest.approx(36**-0.5, rel=0.1)


@pytest.mark.parametrize("shape", [(6, 8), (7, 5), (2, 3)])
def test_halving_averages_whole_windows(shape: tuple[int, int]):
    x = drawn(2, *shape, 3)
    sums = lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    close(halve(x), sums / 4)


def test_doubling_repeats_pixels():
    x = drawn(2, 3, 4, 2)
    close(double(x), np.repeat(np.repeat(np.asarray(x), 2, axis=1), 2, axis=2))
    close(halve(double(x)), x)


def test_attention_of_every_head():
    """Against a loop over images and heads."""
    qkv = np.asarray(drawn(2, 5, 18), "f8")
    mixed = np.zeros((2, 5, 6))
    for image in range(2):
        for head in range(3):
            query, key, value = (qkv[image, :, 6 * part + 2 * head : 6 * part + 2 * head + 2] for part in range(3))
            weights = np.exp(query @ key.T / np.sqrt(2))
            mixed[image, :, 2 * head : 2 * head + 2] = weights / weights.sum(axis=1, keepdims=True) @ value
    close(mix_tokens(jnp.asarray(qkv, jnp.float32), 3), mixed)


def test_attention_knows_no_order():
    attention, x = SelfAttention(8, 2, key=KEY), drawn(2, 6, 8)
    order = np.array([3, 0, 5, 1, 4, 2])
    close(attention(x[:, order]), attention(x)[:, order])


@pytest.mark.parametrize(
    ("block", "shape"),
    [
        (lambda key: eqx.Partial(TransformerBlock(8, 2, 16, 0.3, key=key), key=key), (2, 5, 8)),
        (lambda key: BottleneckBlock(8, key=key), (2, 5, 6, 8)),
    ],
    ids=["transformer", "bottleneck"],
)
def test_second_derivatives_are_those_of_the_plain_formulations(
    block: Any, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
):
    """A gradient penalty derives a gradient again; the layers written for CPUs have gradients of their own."""

    def penalty() -> list[Any]:
        @eqx.filter_jit
        @eqx.filter_grad
        def gradient(block: Any, x: Any) -> Any:
            slope = jax.grad(lambda x: jnp.sum(jnp.square(block(x)[..., :3])))(x)
            return jnp.mean(jnp.square(slope))

        return jax.tree.leaves(gradient(block(KEY), drawn(*shape)))

    fast = penalty()
    for module in ("standardise", "convolution"):
        monkeypatch.setattr(f"zoo.layers.{module}.on_cpu", lambda: False)
    for one, plain in zip(fast, penalty(), strict=True):
        assert np.isfinite(plain).all()
        np.testing.assert_allclose(one, plain, rtol=2e-3, atol=2e-3 * float(np.abs(plain).max()) + 1e-6)
