"""Cutting images into square patches and joining them again (spec: ViT of the journal paper, Fig. 11)."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def patch_grid(shape: tuple[int, int], patch: int) -> tuple[int, int]:
    """Rows and columns of patches that cover an image."""
    return -(-shape[0] // patch), -(-shape[1] // patch)


def _margins(size: int, patch: int) -> tuple[int, int]:
    """Pixels of padding before and after: half on each side, the odd one after."""
    missing = -size % patch
    return missing // 2, missing - missing // 2


def split_patches(x: Float[Array, "B H W C"], patch: int) -> Float[Array, "B T values"]:
    """Zero-pad to a multiple of `patch` and cut into tokens in raster order, pixels row-major inside a token."""
    batch, rows, columns, channels = x.shape
    x = jnp.pad(x, ((0, 0), _margins(rows, patch), _margins(columns, patch), (0, 0)))
    down, across = patch_grid((rows, columns), patch)
    x = x.reshape(batch, down, patch, across, patch, channels).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(batch, down * across, patch * patch * channels)


def join_patches(tokens: Float[Array, "B T values"], patch: int, shape: tuple[int, int]) -> Float[Array, "B H W C"]:
    """The inverse of `split_patches`: join and crop the padding."""
    batch = tokens.shape[0]
    down, across = patch_grid(shape, patch)
    x = tokens.reshape(batch, down, across, patch, patch, -1).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(batch, down * patch, across * patch, -1)
    top, left = _margins(shape[0], patch)[0], _margins(shape[1], patch)[0]
    return x[:, top : top + shape[0], left : left + shape[1]]
