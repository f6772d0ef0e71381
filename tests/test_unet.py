"""The U-Net of the flow-matching paper: counts, wiring, formulations."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published_unet import published_forward

from zoo.architectures.unet import UNet, UNetConfig
from zoo.errors import ComponentError
from zoo.optim.precision import cast

SMALL = UNetConfig.model_validate({"channels": 4, "multipliers": [1, 2, 2], "residual_blocks": 1})


def size(tree: object) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree) if isinstance(leaf, jax.Array | jax.ShapeDtypeStruct))


def abstract(config: UNetConfig, shape: tuple[int, int], channels: int = 1) -> UNet:
    return eqx.filter_eval_shape(
        lambda: config.build(
            shape=shape, in_channels=channels, out_channels=channels, features=9, key=jax.random.key(0)
        )
    )


def stirred(net: UNet, key: jax.Array) -> UNet:
    """The network with weights that all matter; second convolutions are almost zero at the start."""
    weights, static = eqx.partition(net, eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(weights)
    keys = jax.random.split(key, len(leaves))
    leaves = [leaf + 0.2 * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(tree, leaves), static)


def built(shape: tuple[int, int] = (12, 10), **changes: object) -> UNet:
    config = SMALL.model_copy(update=changes)
    net = config.build(shape=shape, in_channels=1, out_channels=1, features=9, key=jax.random.key(0))
    return stirred(net, jax.random.key(1))


def inputs(shape: tuple[int, int] = (12, 10), batch: int = 3) -> tuple[jax.Array, jax.Array, jax.Array]:
    keys = jax.random.split(jax.random.key(2), 3)
    x = jax.random.normal(keys[0], (batch, *shape, 1))
    return x, jax.random.uniform(keys[1], (batch,)), jax.random.normal(keys[2], (batch, 9))


@pytest.mark.parametrize("shape", [(44, 44), (56, 30)])
def test_the_flow_matching_network_has_the_published_size(shape: tuple[int, int]):
    assert size(abstract(UNetConfig(), shape)) == 77_372


@pytest.mark.parametrize("shape", [(11, 11), (14, 8)])
def test_the_latent_network_has_the_published_size(shape: tuple[int, int]):
    config = UNetConfig.model_validate({"channels": 8, "multipliers": [1, 2, 4], "residual_blocks": 1})
    assert size(abstract(config, shape, channels=4)) == 127_824


def test_the_parts_have_the_published_sizes():
    net = abstract(UNetConfig(), (44, 44))
    assert (size(net.condition), size(net.time), size(net.first)) == (400, 384, 36)
    assert [[size(step.residual) for step in level] for level in net.down] == [[1048, 1312], [2488, 2832], [4536, 4928]]
    assert [size(step.attention) for step in net.down[1]] == [528, 792]
    assert size(net.middle_first) == 4928
    assert [(size(step.attention), size(step.residual)) for step in net.middle] == [(1312, 4928)] * 2
    assert [[size(step.residual) for step in level] for level in net.up] == [[7776, 7776], [6392, 5416], [2360, 2032]]
    assert [size(step.attention) for step in net.up[1]] == [1848, 1584]
    assert [size(part) for part in net.downsample] == [576, 1296]
    assert [size(part) for part in net.upsample] == [2304, 1296]
    assert (size(net.norm), size(net.last)) == (16, 8)


def test_initial_weights_follow_the_specification():
    net = UNetConfig.model_validate({"channels": 32}).build(
        shape=(44, 44), in_channels=1, out_channels=1, features=9, key=jax.random.key(0)
    )
    block = net.middle_first
    width = block.conv1.weight.shape[-1]
    assert float(jnp.std(block.conv1.weight)) == pytest.approx(1 / (9 * width), rel=0.05)
    assert float(jnp.std(block.conv2.weight)) == pytest.approx(1e-4 / width, rel=0.05)
    assert float(jnp.std(block.time.weight)) == pytest.approx(0.01 / width, rel=0.1)
    attention = net.middle[0].attention.attention
    assert float(jnp.std(attention.out.weight)) == pytest.approx(0.2 / width**0.5, rel=0.1)
    assert float(jnp.std(attention.query.weight)) == pytest.approx(width**-0.5, rel=0.1)


@pytest.mark.parametrize("shape", [(12, 10), (9, 7)])
@pytest.mark.parametrize("drop_token", ["last", "first"])
def test_agrees_with_the_published_formulation(shape: tuple[int, int], drop_token: str):
    net, given = built(shape, drop_token=drop_token), inputs(shape)
    ours, published = eqx.filter_jit(net)(*given), eqx.filter_jit(published_forward)(net, *given)
    assert ours.shape == (3, *shape, 1)
    np.testing.assert_allclose(ours, published, atol=2e-5 * float(jnp.abs(published).max()))


def test_gradients_agree_with_the_published_formulation():
    net, given = built(), inputs()
    weights, static = eqx.partition(net, eqx.is_inexact_array)

    def loss(weights, forward):
        return jnp.mean(jnp.square(forward(eqx.combine(weights, static), *given)))

    ours = jax.jit(jax.grad(lambda weights: loss(weights, lambda net, *given: net(*given))))(weights)
    published = jax.jit(jax.grad(lambda weights: loss(weights, published_forward)))(weights)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(published), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3 * float(jnp.abs(other).max()) + 1e-6)


def test_bfloat16_results_stay_close():
    net, given = built(), inputs()
    plain = eqx.filter_jit(net)(*given)
    rounded = eqx.filter_jit(cast(net, jnp.dtype(jnp.bfloat16)))(*given)
    assert rounded.dtype == jnp.float32
    assert float(jnp.abs(rounded - plain).mean()) < 0.1 * float(jnp.abs(plain).mean())


def test_condition_and_time_change_the_output():
    net, (x, time, features) = eqx.filter_jit(built()), inputs()
    plain = net(x, time, features)
    assert float(jnp.abs(net(x, time, features + 1.0) - plain).max()) > 1e-3
    assert float(jnp.abs(net(x, time + 0.3, features) - plain).max()) > 1e-5


@pytest.mark.parametrize(
    ("changes", "shape", "words"),
    [
        ({"heads": 3}, (44, 44), "heads = 3"),
        ({"multipliers": [1, 1, 1, 1, 1, 1]}, (44, 30), "levels"),
        ({}, (5,), "needs an image"),
    ],
)
def test_what_cannot_be_built_is_one_clear_line(changes: dict[str, object], shape: tuple[int, ...], words: str):
    config = UNetConfig.model_validate(changes)
    with pytest.raises(ComponentError, match=words) as caught:
        config.build(shape=shape, in_channels=1, out_channels=1, features=9, key=jax.random.key(0))
    assert "\n" not in str(caught.value)
