"""The compute dtype of a run: parameters stay float32, layers compute in the dtype of the weights they are given."""

from __future__ import annotations

from typing import Literal, TypeVar

import jax
import jax.numpy as jnp

from zoo.layers.act_norm import ActNorm
from zoo.layers.batch_norm import BatchNorm
from zoo.layers.buffer import Buffer
from zoo.layers.group_norm import GroupNorm
from zoo.layers.norm import LayerNorm

T = TypeVar("T")

Precision = Literal["auto", "float32", "bfloat16"]


def compute_dtype(precision: Precision) -> jnp.dtype:
    """The dtype that matrix products and convolutions run in.

    "auto" is bfloat16 on GPU and TPU and float32 on CPU, where bfloat16 is emulated and buys nothing.
    """
    if precision == "auto":
        precision = "float32" if jax.default_backend() == "cpu" else "bfloat16"
    return jnp.dtype(precision)


def cast(tree: T, dtype: jnp.dtype) -> T:
    """The tree with its float arrays in `dtype`; normalisations and buffers stay float32."""

    def convert(leaf: object) -> object:
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf.astype(dtype)
        return leaf

    kept = LayerNorm | GroupNorm | BatchNorm | ActNorm | Buffer
    return jax.tree.map(convert, tree, is_leaf=lambda node: isinstance(node, kept))
