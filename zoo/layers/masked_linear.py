"""A dense layer in which an output sees only inputs that come before it (MADE, arXiv 1502.03509)."""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from zoo.layers.initial import Initialiser, lecun_normal
from zoo.typing import Key


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
        weight = jnp.where(self.mask(), self.weight, jnp.zeros((), self.weight.dtype))
        return x.astype(weight.dtype) @ weight + self.bias
