"""Regression trees as arrays of nodes, many of them evaluated at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from zoo.data.constants import Constants
from zoo.schemes.direct.estimators.estimator import Estimator

NODES = {
    "feature": np.int32,
    "threshold": np.float32,
    "below": np.int32,
    "above": np.int32,
    "value": np.float32,
    "roots": np.int32,
    "bias": np.float32,
}
"""The arrays of a forest, and the smallest dtypes that hold them."""


def planted(trees: Sequence[Sequence[Any]], bias: Sequence[float], scale: float = 1.0) -> dict[str, np.ndarray]:
    """The forest of scikit-learn's trees (`tree_` of a fitted regressor), equally many for every channel.

    A channel is its bias plus the sum of its trees' values times `scale`. The nodes of all trees lie in one row of
    arrays; a leaf leads to itself.
    """
    arrays: dict[str, list[np.ndarray]] = {name: [] for name in ("feature", "threshold", "below", "above", "value")}
    roots, size = [], 0
    for tree in (tree for channel in trees for tree in channel):
        own = size + np.arange(tree.node_count)
        leaf = tree.children_left < 0
        arrays["feature"].append(np.where(leaf, 0, tree.feature))
        arrays["threshold"].append(np.where(leaf, 0.0, _rounded_down(tree.threshold)))
        arrays["below"].append(np.where(leaf, own, size + tree.children_left))
        arrays["above"].append(np.where(leaf, own, size + tree.children_right))
        arrays["value"].append(scale * tree.value[:, 0, 0])
        roots.append(size)
        size += tree.node_count
    found = {name: np.concatenate(parts) for name, parts in arrays.items()}
    found |= {"roots": np.reshape(roots, (len(trees), -1)), "bias": np.asarray(bias)}
    levels = max(tree.max_depth for channel in trees for tree in channel)
    return {name: found[name].astype(dtype) for name, dtype in NODES.items()} | {"levels": np.array(levels)}


def stump(channels: int) -> dict[str, np.ndarray]:
    """A forest of one leaf, of value 0, for all channels."""
    return {name: np.zeros(1, dtype) for name, dtype in NODES.items()} | {
        "roots": np.zeros((channels, 1), np.int32),
        "bias": np.zeros(channels, np.float32),
        "levels": np.array(0),
    }


def _rounded_down(threshold: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The largest float32 that is not above: `x <= threshold` then says the same of every float32 x."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


class Forest(Estimator):
    """A sum of regression trees per channel."""

    feature: Int[Array, " M"]
    threshold: Float[Array, " M"]
    below: Int[Array, " M"]
    above: Int[Array, " M"]
    value: Float[Array, " M"]
    roots: Int[Array, "R T"]
    bias: Float[Array, " R"]
    levels: int = eqx.field(static=True)
    """The depth of the deepest tree."""

    @classmethod
    def of(cls, constants: Constants) -> Forest:
        """The forest that `planted` or `stump` returned."""
        return cls(**{name: jnp.asarray(constants[name]) for name in NODES}, levels=int(constants["levels"]))

    def __call__(self, x: Float[Array, "B F"]) -> Float[Array, "B R"]:
        """All trees go down by a level at a time; those that are at a leaf stay there."""
        at = jnp.broadcast_to(self.roots.reshape(-1), (len(x), self.roots.size))

        def descend(at: Int[Array, "B RT"], _: None) -> tuple[Int[Array, "B RT"], None]:
            seen = jnp.take_along_axis(x, self.feature[at], axis=1)
            return jnp.where(seen <= self.threshold[at], self.below[at], self.above[at]), None

        leaves, _ = jax.lax.scan(descend, at, None, length=self.levels)
        return jnp.sum(self.value[leaves].reshape(len(x), *self.roots.shape), axis=-1) + self.bias
