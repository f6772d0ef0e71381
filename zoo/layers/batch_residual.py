"""The residual block of the FoCal generators."""

from __future__ import annotations

from typing import Self

import equinox as eqx
import jax
from jaxtyping import Array, Float

from zoo.layers.batch_norm import BatchNorm
from zoo.layers.biased_conv import BiasedConv
from zoo.typing import Key


class NormedConv(eqx.Module):
    """3x3 convolution, batch norm."""

    convolution: BiasedConv
    norm: BatchNorm

    def __init__(self, in_channels: int, out_channels: int, *, key: Key) -> None:
        self.convolution = BiasedConv(in_channels, out_channels, 3, key=key)
        self.norm = BatchNorm(out_channels)

    def __call__(self, x: Float[Array, "B H W in"], *, training: bool) -> tuple[Float[Array, "B H W out"], Self]:
        """The maps, float32, and the layer with its statistics moved on."""
        x, norm = self.norm(self.convolution(x), training=training)
        return x, eqx.tree_at(lambda layer: layer.norm, self, norm)


class BatchResidualBlock(eqx.Module):
    """Conv, BN, leaky ReLU, conv, BN; plus the input; leaky ReLU (components 11, proposed)."""

    first: NormedConv
    second: NormedConv
    slope: float = eqx.field(static=True)

    def __init__(self, channels: int, *, slope: float, key: Key) -> None:
        first_key, second_key = jax.random.split(key)
        self.first = NormedConv(channels, channels, key=first_key)
        self.second = NormedConv(channels, channels, key=second_key)
        self.slope = slope

    def __call__(self, x: Float[Array, "B H W C"], *, training: bool) -> tuple[Float[Array, "B H W C"], Self]:
        """Maps of the same size and channels, float32, and the block with its statistics moved on."""
        h, first = self.first(x, training=training)
        h, second = self.second(jax.nn.leaky_relu(h, self.slope), training=training)
        moved = eqx.tree_at(lambda block: (block.first, block.second), self, (first, second))
        return jax.nn.leaky_relu(x + h, self.slope), moved
