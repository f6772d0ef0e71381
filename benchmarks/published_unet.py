"""The yardstick of `unet_speed.py`: the U-Net of `zoo.architectures.unet` in the formulation of the published code.

The same network on the same weights, written the way the published Flax model computes it: attention over
the whole batch at once in (N, T, H, D) order with a plain softmax over all tokens (the one that is
dropped afterwards included), and batched channel-last convolutions. It shares no arithmetic with the
layers of the zoo, so that agreement of the two is also a test of both.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from zoo.architectures.unet import Embedding, UNet
from zoo.layers.attention import ConditionalAttention
from zoo.layers.conv import Conv
from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.layers.residual import ResidualBlock


def published_forward(
    unet: UNet, x: Float[Array, "B H W in"], time: Float[Array, " B"], features: Float[Array, "B F"]
) -> Float[Array, "B H W out"]:
    """What `unet(x, time, features)` returns, in the published formulation and in float32."""
    time = _perceptron(unet.time, _sinusoid(time, unet.time.hidden.weight.shape[0]))
    condition = _perceptron(unet.condition, features)

    x = _convolve(unet.first, x)
    skips = []
    for level, steps in enumerate(unet.down):
        for step in steps:
            if step.attention is not None:
                x = _conditional_attention(step.attention, x, condition)
                skips.append(x)
            x = _residual(step.residual, x, time)
            skips.append(x)
        if level < len(unet.downsample):
            x = _convolve(unet.downsample[level].conv, x)

    x = _residual(unet.middle_first, x, time)
    for step in unet.middle:
        x = _residual(step.residual, _conditional_attention(step.attention, x, condition), time)

    for level, steps in enumerate(unet.up):
        if level > 0:
            n, h, w, c = x.shape
            x = jax.image.resize(x, (n, 2 * h, 2 * w, c), "nearest")
            x = _convolve(unet.upsample[level - 1].conv, x)
            x = x[:, : skips[-1].shape[1], : skips[-1].shape[2]]
        for step in steps:
            x = jnp.concatenate([skips.pop(), x], axis=-1)
            if step.attention is not None:
                x = _conditional_attention(step.attention, x, condition)
                x = jnp.concatenate([skips.pop(), x], axis=-1)
            x = _residual(step.residual, x, time)
    return _convolve(unet.last, jax.nn.swish(_normalise(unet.norm, x)))


def _sinusoid(time: Array, size: int) -> Array:
    angles = time[:, None] * 10_000.0 ** (-2.0 * jnp.arange(size // 2) / size)
    return jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=-1)


def _project(linear: Linear, x: Array) -> Array:
    return jnp.dot(x, linear.weight)


def _perceptron(mlp: Embedding, x: Array) -> Array:
    return _project(mlp.out, jax.nn.swish(_project(mlp.hidden, x)))


def _convolve(conv: Conv, x: Array) -> Array:
    strides = (conv.stride, conv.stride)
    return lax.conv_general_dilated(x, conv.weight, strides, "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _normalise(norm: LayerNorm, x: Array) -> Array:
    # Flax computes the variance as E[x^2] - E[x]^2
    mean = jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.maximum(jnp.mean(x * x, axis=-1, keepdims=True) - mean * mean, 0.0)
    return (x - mean) * (lax.rsqrt(variance + norm.eps) * norm.scale) + norm.bias


def _residual(block: ResidualBlock, x: Array, time: Array) -> Array:
    h = _convolve(block.conv1, jax.nn.swish(_normalise(block.norm1, x)))
    h = h + jax.nn.swish(_project(block.time, time))[:, None, None, :]
    h = _convolve(block.conv2, jax.nn.swish(_normalise(block.norm2, h)))
    return h + (x if block.skip is None else _convolve(block.skip, x))


def _conditional_attention(block: ConditionalAttention, x: Array, condition: Array) -> Array:
    n, h, w, c = x.shape
    tokens = jnp.concatenate([x.reshape(n, h * w, c), _project(block.condition, condition)[:, None]], axis=1)
    attention = block.attention
    normed = _normalise(attention.norm, tokens)
    query, key, value = (
        _project(linear, normed).reshape(n, h * w + 1, attention.heads, -1)
        for linear in (attention.query, attention.key, attention.value)
    )
    query = query / jnp.sqrt(query.shape[-1])
    weights = jax.nn.softmax(jnp.einsum("nqhd,nkhd->nhqk", query, key))
    mixed = jnp.einsum("nhqk,nkhd->nqhd", weights, value)
    tokens = tokens + _project(attention.out, mixed.reshape(n, h * w + 1, -1))
    tokens = tokens[:, :-1] if block.drop_token == "last" else tokens[:, 1:]
    return tokens.reshape(x.shape)
