"""How the convolutions of the compact networks start."""

from __future__ import annotations

from typing import Literal, TypeVar

import equinox as eqx
import jax
from jaxtyping import Array, Float

from zoo.layers.conv import Conv
from zoo.layers.initial import normal
from zoo.layers.residual import ResidualBlock
from zoo.typing import Key

T = TypeVar("T")

Kernels = Literal["published", "lecun"]
"""The initial kernels of a network of these convolutions.

"published": normal with standard deviation 1 / (out_channels size^2), those that end a residual branch nearly zero
(components 8). A map then shrinks at every convolution, and the first steps of training drown what is left of it.
"lecun": normal with standard deviation (in_channels size^2)^-0.5, which keeps a map's scale, those that end a branch a
tenth of that: the compact autoencoder then learns from its first steps on.
"""

BRANCH_END = 0.1
"""Scale of the kernels that end a residual branch, over LeCun's."""


def with_kernels(network: T, kernels: Kernels, key: Key) -> T:
    """The network as it was built, or with all its convolutions drawn again."""
    if kernels == "published":
        return network
    leaves, structure = jax.tree.flatten(network, is_leaf=_is_known)
    # A key of its own, since the network was drawn from this one.
    keys = jax.random.split(jax.random.fold_in(key, len(leaves)), len(leaves))
    return jax.tree.unflatten(structure, [_drawn(leaf, own) for leaf, own in zip(leaves, keys, strict=True)])


def _drawn(leaf: object, key: Key) -> object:
    if isinstance(leaf, Conv):
        return eqx.tree_at(lambda conv: conv.weight, leaf, _kernel(leaf, 1.0, key))
    if isinstance(leaf, ResidualBlock):
        first_key, second_key, skip_key = jax.random.split(key, 3)
        block = eqx.tree_at(
            lambda block: (block.conv1.weight, block.conv2.weight),
            leaf,
            (_kernel(leaf.conv1, 1.0, first_key), _kernel(leaf.conv2, BRANCH_END, second_key)),
        )
        if leaf.skip is None:
            return block
        return eqx.tree_at(lambda block: block.skip.weight, block, _kernel(leaf.skip, 1.0, skip_key))
    return leaf


def _kernel(conv: Conv, scale: float, key: Key) -> Float[Array, "size size in out"]:
    size, _, in_channels, _ = conv.weight.shape
    return normal(scale * (in_channels * size * size) ** -0.5)(key, conv.weight.shape)


def _is_known(node: object) -> bool:
    return isinstance(node, Conv | ResidualBlock)
