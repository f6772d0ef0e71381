"""Kernels that keep the scale of a map, beside the published ones."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.architectures.compact_cnn import CompactCNNConfig
from zoo.architectures.unet import UNetConfig
from zoo.layers.conv import Conv
from zoo.layers.kernels import BRANCH_END, with_kernels
from zoo.layers.residual import ResidualBlock


def is_convolution(node: object) -> bool:
    return isinstance(node, Conv)


def convolutions(tree: object) -> list[Conv]:
    return [node for node in jax.tree.leaves(tree, is_leaf=is_convolution) if isinstance(node, Conv)]


def blank(tree: object) -> object:
    return jax.tree.map(lambda node: None if isinstance(node, Conv) else node, tree, is_leaf=is_convolution)


def test_every_kernel_is_drawn_again_at_its_own_scale():
    key = jax.random.key(0)
    block = ResidualBlock(24, 32, key=key)
    drawn = with_kernels((block, Conv(32, 16, 3, key=key)), "lecun", key)
    assert with_kernels(block, "published", key) is block
    scales = {"conv1": 1.0, "conv2": BRANCH_END, "skip": 1.0}
    known = [(getattr(drawn[0], name), scale) for name, scale in scales.items()] + [(drawn[1], 1.0)]
    assert len(convolutions(drawn)) == len(known)
    for conv, scale in known:
        size, _, in_channels, _ = conv.weight.shape
        np.testing.assert_allclose(conv.weight.std() * (in_channels * size**2) ** 0.5, scale, rtol=0.1)
    flat = [np.asarray(conv.weight).ravel()[:50] for conv, _ in known]
    assert np.abs(np.corrcoef(flat) - np.eye(len(flat))).max() < 0.6


@pytest.mark.parametrize("config", [UNetConfig, CompactCNNConfig])
def test_only_the_kernels_change(config: type[UNetConfig | CompactCNNConfig]):
    def built(kernels: str) -> object:
        one = config.model_validate({"kernels": kernels})
        key = jax.random.key(1)
        if isinstance(one, UNetConfig):
            return one.build(shape=(12, 12), in_channels=1, out_channels=1, features=3, key=key)
        return one.build_decoder(shape=(12, 12), token_size=4, key=key)

    published, lecun = built("published"), built("lecun")
    assert eqx.tree_equal(jax.tree.leaves(blank(published)), jax.tree.leaves(blank(lecun)))
    pairs = list(zip(convolutions(published), convolutions(lecun), strict=True))
    assert pairs
    assert all(one.weight.shape == other.weight.shape for one, other in pairs)
    assert not any(np.array_equal(one.weight, other.weight) for one, other in pairs)


@pytest.mark.parametrize(("kernels", "least", "most"), [("lecun", 0.2, 5.0), ("published", 0.0, 0.1)])
def test_a_map_keeps_its_scale_where_the_published_kernels_lose_it(kernels: str, least: float, most: float):
    config = CompactCNNConfig.model_validate({"kernels": kernels})
    decoder = config.build_decoder(shape=(44, 44), token_size=4, key=jax.random.key(2))
    x = decoder.first(jax.random.normal(jax.random.key(3), (2, 11, 11, 4)))
    for blocks in decoder.levels:
        for block in blocks:
            x = block(x)
    assert least < float(jnp.std(x)) < most
