"""Masked autoregressive flows of rational-quadratic splines (components 10; arXiv 1705.07057, 1906.04032)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int
from pydantic import Field, model_validator

from zoo.architectures.flow_network import Context, FlowNetwork, FlowNetworkConfig, Inverted, Vectors
from zoo.catalogue import Published, register
from zoo.data.constants import Constants
from zoo.layers.dropout import Dropout
from zoo.layers.initial import normal
from zoo.layers.linear import Linear
from zoo.layers.masked_linear import Degrees, MaskedLinear
from zoo.layers.spline import Spline, check_room, inverted, numbers_per_spline, spline, transformed
from zoo.typing import Key

STILL = 1e-6
"""Change of the largest number, of the bound, below which an inversion has come to rest."""


@register("architecture", "autoregressive_flow")
class AutoregressiveFlowConfig(FlowNetworkConfig):
    """Blocks in which the spline of every number depends on the numbers before it and on the condition.

    Their order is reversed and shuffled in turn between the blocks. 286,988,768 parameters as published, for 1936
    pixels and 10 features.
    """

    blocks: Annotated[int, Field(ge=1)] = 4
    """Autoregressive transformations."""
    hidden: Annotated[int, Field(ge=1)] = 1452
    """Units of every hidden layer."""
    layers: Annotated[int, Field(ge=0)] = 2
    """Hidden layers after the first, which takes the condition in."""
    bins: Annotated[int, Field(ge=2)] = 8
    """Pieces of every spline, K."""
    bound: Annotated[float, Field(gt=0)] = 14.0
    """Splines are the identity outside [-bound, bound]."""
    minimum: Annotated[float, Field(gt=0, lt=1), Published(1e-6)] = 1e-3
    """Least width and height of a piece, in units of the whole, and least slope. As published, float32 does not always
    find the way back."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the hidden units that is dropped in training."""
    degrees: Annotated[Literal["spread", "sequential"], Published("sequential")] = "spread"
    """How far hidden units see: evenly spread over the inputs, or unit i up to input i, as in the published code, where
    inputs beyond the number of units influence nothing in that block."""

    @model_validator(mode="after")
    def _check_room(self) -> Self:
        check_room(self.bins, self.minimum)
        return self

    def flow(self, size: int, features: int, constants: Constants | None = None, *, key: Key) -> AutoregressiveFlow:
        """The flow of vectors of this size, with float32 parameters; it needs no constants."""
        del constants
        keys = jax.random.split(key, self.blocks)
        return AutoregressiveFlow(tuple(Block(self, size, features, key=one) for one in keys), self)


class Block(eqx.Module):
    """One masked network and the splines it sets."""

    first: MaskedLinear
    context: Linear
    hidden: tuple[MaskedLinear, ...]
    last: MaskedLinear
    dropout: Dropout
    config: AutoregressiveFlowConfig = eqx.field(static=True)

    def __init__(self, config: AutoregressiveFlowConfig, size: int, features: int, *, key: Key) -> None:
        first_key, context_key, last_key, *keys = jax.random.split(key, config.layers + 3)
        numbers = numbers_per_spline(config.bins)
        inputs = Degrees(size, size, "inputs")
        units = Degrees(config.hidden, size, config.degrees)
        outputs = Degrees(size * numbers, size, "outputs", numbers)
        self.first = MaskedLinear(inputs, units, key=first_key)
        self.context = Linear(features, config.hidden, key=context_key)
        self.hidden = tuple(MaskedLinear(units, units, key=one) for one in keys)
        self.last = MaskedLinear(units, outputs, strict=True, init=normal(0.01 * config.hidden**-0.5), key=last_key)
        self.dropout, self.config = Dropout(config.dropout), config

    def splines(self, x: Vectors, context: Context, key: Key | None = None) -> Spline:
        """The spline of every number, from those before it."""
        h = jax.nn.relu(self.first(x) + jax.nn.relu(self.context(context)))
        for number, layer in enumerate(self.hidden):
            h = jax.nn.relu(layer(h))
            h = self.dropout(h, key=None if key is None else jax.random.fold_in(key, number))
        config = self.config
        raw = self.last(h).reshape(*x.shape, numbers_per_spline(config.bins))
        return spline(raw, config.bins, config.bound, config.minimum, config.hidden**-0.5)

    def __call__(self, x: Vectors, context: Context, key: Key | None = None) -> tuple[Vectors, Float[Array, " B"]]:
        """(the vectors transformed, the logarithm of the Jacobian's determinant)."""
        y, slopes = transformed(x, self.splines(x, context, key))
        return y, jnp.sum(slopes, axis=-1)

    def invert(self, y: Vectors, context: Context) -> tuple[Vectors, Int[Array, ""]]:
        """(the vectors that are transformed to y, passes through the network), all numbers at once.

        Jacobi's iteration: every number is solved for with the others as they stand. The first is right after one pass,
        each further one as soon as those before it are, so that D passes give what solving for one after the other
        gives; the numbers depend so weakly on most others that it comes to rest after a few.
        """
        size = y.shape[-1]
        still = STILL * self.config.bound

        def moving(state: tuple[Vectors, Float[Array, ""], Int[Array, ""]]) -> Bool[Array, ""]:
            _, change, passes = state
            return (change > still) & (passes < size)

        def improved(
            state: tuple[Vectors, Float[Array, ""], Int[Array, ""]],
        ) -> tuple[Vectors, Float[Array, ""], Int[Array, ""]]:
            x, _, passes = state
            new = inverted(y, self.splines(x, context))
            return new, jnp.max(jnp.abs(new - x)), passes + 1

        x, _, passes = lax.while_loop(moving, improved, (y, jnp.asarray(jnp.inf), jnp.asarray(0)))
        return x, passes

    def invert_in_order(self, y: Vectors, context: Context) -> Vectors:
        """The same, one number after the other: D passes, as published."""

        def solved(number: Int[Array, ""], x: Vectors) -> Vectors:
            new = inverted(y, self.splines(x, context))
            return x.at[:, number].set(new[:, number])

        return lax.fori_loop(0, y.shape[-1], solved, y)


class AutoregressiveFlow(FlowNetwork):
    """See `AutoregressiveFlowConfig`. One pass one way; the other way is an inversion."""

    blocks: tuple[Block, ...]
    config: AutoregressiveFlowConfig = eqx.field(static=True)

    @property
    def features(self) -> int:
        """Size of the condition."""
        return self.blocks[0].context.weight.shape[0]

    def __call__(self, x: Vectors, context: Context, key: Key | None = None) -> tuple[Vectors, Float[Array, " B"]]:
        """(y, ln |det dy/dx|), float32; `key` is the randomness of dropout, None switches it off."""
        x, total = x.astype(jnp.float32), jnp.zeros(len(x))
        for number, block in enumerate(self.blocks):
            x, logarithm = block(x, context, None if key is None else jax.random.fold_in(key, number))
            total = total + logarithm
            if number + 1 < len(self.blocks):
                x = x[:, mixing(number, x.shape[-1])]
        return x, total

    def invert(self, y: Vectors, context: Context) -> Inverted:
        """The vectors that are transformed to y, and by how much they miss it."""
        x, passes = y.astype(jnp.float32), jnp.asarray(0)
        for number, block in reversed(list(enumerate(self.blocks))):
            x, more = block.invert(x, context)
            passes = passes + more
            if number:
                x = x[:, np.argsort(mixing(number - 1, x.shape[-1]))]
        again, _ = self(x, context)
        return Inverted(x, jnp.max(jnp.abs(again - y), axis=-1), passes)

    def invert_in_order(self, y: Vectors, context: Context) -> Vectors:
        """The same, number by number, as published: what `invert` is measured against."""
        x = y.astype(jnp.float32)
        for number, block in reversed(list(enumerate(self.blocks))):
            x = block.invert_in_order(x, context)
            if number:
                x = x[:, np.argsort(mixing(number - 1, x.shape[-1]))]
        return x


def mixing(number: int, size: int) -> Int[np.ndarray, " D"]:
    """The order of the numbers after a block: reversed after the first, third, ..., else a fixed shuffle."""
    return np.arange(size)[::-1].copy() if number % 2 == 0 else np.random.default_rng(number).permutation(size)
