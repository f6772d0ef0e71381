"""A dense layer in which an output sees only inputs that come before it (MADE, arXiv 1502.03509)."""

from __future__ import annotations

from typing import Literal, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from zoo.layers.initial import Initialiser, lecun_normal
from zoo.typing import Key

T = TypeVar("T")


class Degrees(eqx.Module):
    """How far into the order of the inputs every unit of a layer sees.

    Computed where they are needed: a mask of a large layer is then never stored, only fused into a product.
    """

    units: int = eqx.field(static=True)
    inputs: int = eqx.field(static=True)
    kind: Literal["inputs", "outputs", "spread", "sequential"] = eqx.field(static=True)
    """`inputs` or `outputs` (1, 2, ..., each `repeats` times), or of hidden units: `spread` evenly over 1 ... D - 1, or
    `sequential`, 1, 2, ... starting again after D - 1 (nflows)."""
    repeats: int = eqx.field(static=True, default=1)

    def __call__(self) -> Int[Array, " units"]:
        """Input or output d has degree d, counted from 1; a hidden unit sees the inputs up to its degree."""
        unit = lax.iota(jnp.int32, self.units)
        if self.kind == "spread":
            most = self.inputs - 1
            return 1 + jnp.floor(unit * (most / self.units)).astype(jnp.int32)
        if self.kind == "sequential":
            return 1 + unit % max(1, self.inputs - 1)
        return 1 + unit // self.repeats


class MaskedLinear(eqx.Module):
    """`x @ (mask * weight) + bias` over the last axis; see `Degrees`."""

    weight: Float[Array, "in out"]
    bias: Float[Array, " out"]
    seen: Degrees
    own: Degrees
    strict: bool = eqx.field(static=True)

    def __init__(
        self,
        seen: Degrees,
        own: Degrees,
        *,
        strict: bool = False,
        init: Initialiser = lecun_normal,
        key: Key,
    ) -> None:
        """`strict` is for outputs, which see what comes before them but not their own input."""
        self.weight = init(key, (seen.units, own.units))
        self.bias = jnp.zeros(own.units)
        self.seen, self.own, self.strict = seen, own, strict

    def mask(self) -> Bool[Array, "in out"]:
        """True where an output sees an input."""
        seen, own = self.seen()[:, None], self.own()[None, :]
        return own > seen if self.strict else own >= seen

    def __call__(self, x: Float[Array, "B in"]) -> Float[Array, "B out"]:
        """The product, in the dtype of the weights."""
        weight = self.seen_weight()
        return x.astype(weight.dtype) @ weight + self.bias

    def seen_weight(self) -> Float[Array, "in out"]:
        """The weight with zeros where an output does not see an input."""
        return jnp.where(self.mask(), self.weight, jnp.zeros((), self.weight.dtype))


def without_unseen(tree: T) -> T:
    """The tree with zeros for the weights that no output sees: it computes the same, and takes half the disk."""

    def seen(node: object) -> object:
        return eqx.tree_at(lambda own: own.weight, node, node.seen_weight()) if isinstance(node, MaskedLinear) else node

    return jax.tree.map(seen, tree, is_leaf=lambda node: isinstance(node, MaskedLinear))
