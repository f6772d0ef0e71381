"""The arithmetic of a convolution, and a faster formulation of it for the few channels of compact networks."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from zoo.layers.backend import on_cpu

Map = Float[Array, "B H W channels"]
Kernel = Float[Array, "size size in out"]

# Up to this many channels on both sides XLA falls back to a CPU kernel that is 3 to 10 times slower per operation.
_FEW = 16
# Widest row of the widened kernel (columns times channels) that still pays for its zeros.
_WIDEST = 128


def convolve(x: Map, kernel: Kernel, stride: int = 1) -> Map:
    """Convolution with zero padding: a map of n pixels gives ceil(n / stride)."""
    size, _, in_channels, out_channels = kernel.shape
    if size == stride == 1:
        # A matrix product, whose gradients need no transposed copies of the maps.
        return (x.reshape(-1, in_channels) @ kernel[0, 0]).reshape(*x.shape[:-1], out_channels)
    if stride == 1 and on_cpu():
        return convolve_widened(x, kernel)
    return convolve_plain(x, kernel, stride)


def convolve_plain(x: Map, kernel: Kernel, stride: int = 1) -> Map:
    """XLA's convolution."""
    return _convolve(x, kernel, (stride, stride), "SAME")


def convolve_centred(x: Map, kernel: Kernel, stride: int) -> Map:
    """Convolution with the same zero padding on both sides, as in PyTorch; ceil(n / stride) pixels for odd sizes.

    XLA's own padding ("SAME") puts more of it behind where sizes are even, and so shifts the map by a pixel.
    """
    margin = (len(kernel) // 2, len(kernel) // 2)
    return _convolve(x, kernel, (stride, stride), [margin, margin])


@jax.custom_vjp
def convolve_widened(x: Map, kernel: Kernel) -> Map:
    """The same for stride 1 and odd sizes, on the CPU two to four times as fast where channels are few.

    One position of the widened kernel yields several neighbouring columns of the result as further channels: more
    multiplications (by zeros), but in XLA's fast kernel. The gradient of `x` is the same operation with the kernel
    turned round; that of the kernel is XLA's own. Reverse-mode derivatives only.
    """
    size, _, in_channels, out_channels = kernel.shape
    batch, rows, width, _ = x.shape
    columns = _columns(width, size, in_channels, out_channels)
    widened = jnp.stack(
        [jnp.pad(kernel, ((0, 0), (left, columns - 1 - left), (0, 0), (0, 0))) for left in range(columns)], axis=3
    )
    widened = widened.reshape(size, size + columns - 1, in_channels, columns * out_channels)
    margin = (size // 2, size // 2)
    return _convolve(x, widened, (1, columns), [margin, margin]).reshape(batch, rows, width, out_channels)


def _forward(x: Map, kernel: Kernel) -> tuple[Map, tuple[Map, Kernel]]:
    return convolve_widened(x, kernel), (x, kernel)


def _backward(saved: tuple[Map, Kernel], gradient: Map) -> tuple[Map, Kernel]:
    x, kernel = saved
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    _, pull = jax.vjp(lambda kernel: convolve_plain(x, kernel), kernel)
    return convolve_widened(gradient, turned), *pull(gradient)


convolve_widened.defvjp(_forward, _backward)


def _columns(width: int, size: int, in_channels: int, out_channels: int) -> int:
    """The fewest columns per position that reach XLA's fast kernel; 1 if there are none."""
    if max(in_channels, out_channels) > _FEW:
        return 1
    for columns in range(2, width + 1):
        if width % columns == 0 and columns * out_channels > _FEW:
            return columns if (columns + size - 1) * in_channels <= _WIDEST else 1
    return 1


def _convolve(
    x: Map, kernel: Float[Array, "h w in out"], strides: tuple[int, int], padding: str | list[tuple[int, int]]
) -> Map:
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
