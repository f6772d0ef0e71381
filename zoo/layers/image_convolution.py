"""The last convolution of a decoder: many channels to one, without padding."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.initial import lecun_normal
from zoo.typing import Key


class ImageConvolution(eqx.Module):
    """`size` x `size` convolution to one channel that keeps only whole windows; kernel LeCun normal, bias zero.

    All channels are first multiplied by every tap, in one matrix product, and the products are then shifted into
    place: XLA's CPU convolution with a single output channel is more than ten times slower.
    """

    weight: Float[Array, "in taps"]
    bias: Float[Array, ""]
    size: int = eqx.field(static=True)

    def __init__(self, channels: int, size: int, *, key: Key) -> None:
        self.weight = lecun_normal(key, (size * size, channels, 1))[..., 0].T
        self.bias = jnp.zeros(())
        self.size = size

    def __call__(self, x: Float[Array, "B H W in"]) -> Float[Array, "B H-size+1 W-size+1"]:
        """One image per map, in the dtype of the weights."""
        batch, rows, columns, channels = x.shape
        size = self.size
        products = x.astype(self.weight.dtype).reshape(-1, channels) @ self.weight
        taps = products.reshape(batch, rows, columns, size, size)
        nothing = jnp.zeros((), products.dtype)
        # First along the rows of pixels, then along the columns: gradients of 2 size instead of size^2 slices.
        taps = sum((taps[:, down : rows - size + 1 + down, :, down] for down in range(size)), nothing)
        image = sum((taps[:, :, across : columns - size + 1 + across, across] for across in range(size)), nothing)
        return image + self.bias
