"""Coupling flows of rational-quadratic splines (CaloINN, arXiv 2312.09290; components 11)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field, model_validator

from zoo.architectures.flow_network import Context, FlowNetwork, FlowNetworkConfig, Inverted, Vectors
from zoo.catalogue import register
from zoo.data.constants import Constants
from zoo.layers.act_norm import ActNorm
from zoo.layers.initial import zeros
from zoo.layers.linear import Linear
from zoo.layers.mixing import Mixing
from zoo.layers.spline import Spline, check_room, inverted, numbers_per_spline, spline, transformed
from zoo.typing import Key

SLOPE = 0.01
"""Of leaky ReLU below zero."""

LEAST_STD = 1e-3
"""What the spread of a number that hardly varies is taken for."""


@register("architecture", "coupling_flow")
class CouplingFlowConfig(FlowNetworkConfig):
    """Blocks in which half of the numbers pass and set, with the condition, the splines of the other half.

    Every block normalises, couples and mixes. Both ways take one pass. The normalisations start from the training
    vectors, the couplings as the identity.
    """

    blocks: Annotated[int, Field(ge=1)] = 8
    """Normalisations, couplings and mixings; there is no mixing after the last."""
    hidden: Annotated[int, Field(ge=1)] = 256
    """Units of every hidden layer."""
    layers: Annotated[int, Field(ge=1)] = 3
    """Hidden layers of every coupling."""
    bins: Annotated[int, Field(ge=2)] = 10
    """Pieces of every spline, K."""
    bound: Annotated[float, Field(gt=0)] = 10.0
    """Splines are the identity outside [-bound, bound]."""
    minimum: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    """Least width and height of a piece, in units of the whole, and least slope."""
    mixing: Literal["permutation", "rotation"] = "permutation"
    """What lies between two blocks: a fixed shuffle, or a fixed orthogonal matrix."""

    @model_validator(mode="after")
    def _check_room(self) -> Self:
        check_room(self.bins, self.minimum)
        return self

    def unfitted(self, size: int) -> Constants:
        """Nothing is normalised."""
        return {"mean": np.zeros((self.blocks, size)), "std": np.ones((self.blocks, size))}

    def fit(self, x: Float[np.ndarray, "N D"]) -> Constants:
        """Mean and standard deviation of every number before every block, the couplings being the identity."""
        means, stds = [], []
        for number in range(self.blocks):
            means.append(x.mean(axis=0, dtype=np.float64))
            stds.append(np.maximum(x.std(axis=0, dtype=np.float64), LEAST_STD))
            x = np.asarray(self.mixed(number, jnp.asarray((x - means[-1]) / stds[-1], jnp.float32)))
        return {"mean": np.stack(means), "std": np.stack(stds)}

    def flow(self, size: int, features: int, constants: Constants | None = None, *, key: Key) -> CouplingFlow:
        """The flow of vectors of two numbers or more, with float32 parameters."""
        constants = self.unfitted(size) if constants is None else constants
        means, stds = (jnp.asarray(constants[name], jnp.float32) for name in ("mean", "std"))
        norms = (ActNorm(mean, jnp.log(std)) for mean, std in zip(means, stds, strict=True))
        keys = jax.random.split(key, self.blocks)
        return CouplingFlow(
            tuple(Block(self, norm, size, features, key=one) for norm, one in zip(norms, keys, strict=True)), self
        )

    def mixed(self, number: int, x: Vectors, *, back: bool = False) -> Vectors:
        """Vectors after the mixing that follows a block, or before it."""
        mixing = Mixing(x.shape[-1], self.mixing, number)
        return mixing.invert(x) if back else mixing(x)


class Block(eqx.Module):
    """Normalisation and coupling: the first half of the numbers passes."""

    norm: ActNorm
    layers: tuple[Linear, ...]
    last: Linear
    config: CouplingFlowConfig = eqx.field(static=True)

    def __init__(self, config: CouplingFlowConfig, norm: ActNorm, size: int, features: int, *, key: Key) -> None:
        passing, numbers = _half(size), numbers_per_spline(config.bins)
        widths = [passing + features, *[config.hidden] * config.layers]
        keys = jax.random.split(key, config.layers)
        self.norm, self.config = norm, config
        self.layers = tuple(
            Linear(before, after, key=one) for before, after, one in zip(widths[:-1], widths[1:], keys, strict=True)
        )
        self.last = Linear(config.hidden, (size - passing) * numbers, init=zeros, key=key)

    def splines(self, passing: Float[Array, "B P"], context: Context) -> Spline:
        """The spline of every number of the other half."""
        h = jnp.concatenate([passing, context], axis=-1)
        for layer in self.layers:
            h = jax.nn.leaky_relu(layer(h), SLOPE)
        config = self.config
        raw = self.last(h).astype(jnp.float32).reshape(len(h), -1, numbers_per_spline(config.bins))
        # Raw numbers of zero stand for the identity.
        straight = np.zeros(raw.shape[-1], np.float32)
        straight[2 * config.bins :] = np.log(np.expm1(1.0 - config.minimum))
        return spline(raw + straight, config.bins, config.bound, config.minimum)

    def __call__(self, x: Vectors, context: Context) -> tuple[Vectors, Float[Array, " B"]]:
        """(the vectors transformed, the logarithm of the Jacobian's determinant)."""
        x, normalised = self.norm(x)
        passing, other = self._parts(x)
        other, slopes = transformed(other, self.splines(passing, context))
        return jnp.concatenate([passing, other], axis=-1), normalised + jnp.sum(slopes, axis=-1)

    def invert(self, y: Vectors, context: Context) -> Vectors:
        """The vectors that are transformed to y."""
        passing, other = self._parts(y)
        other = inverted(other, self.splines(passing, context))
        return self.norm.invert(jnp.concatenate([passing, other], axis=-1))

    def _parts(self, x: Vectors) -> tuple[Float[Array, "B P"], Float[Array, "B D-P"]]:
        half = _half(x.shape[-1])
        return x[:, :half], x[:, half:]


class CouplingFlow(FlowNetwork):
    """See `CouplingFlowConfig`."""

    blocks: tuple[Block, ...]
    config: CouplingFlowConfig = eqx.field(static=True)

    @property
    def features(self) -> int:
        """Size of the condition: what a coupling sees beside half of the vector."""
        return self.blocks[0].layers[0].weight.shape[0] - _half(self.blocks[0].norm.mean.size)

    def __call__(self, x: Vectors, context: Context, key: Key | None = None) -> tuple[Vectors, Float[Array, " B"]]:
        """(y, ln |det dy/dx|), float32; there is no dropout, so `key` is not used."""
        del key
        x, total = x.astype(jnp.float32), jnp.zeros(len(x))
        for number, block in enumerate(self.blocks):
            if number:
                x = self.config.mixed(number - 1, x)
            x, logarithm = block(x, context)
            total = total + logarithm
        return x, total

    def invert(self, y: Vectors, context: Context) -> Inverted:
        """The vectors that are transformed to y, and by how much they miss it."""
        x = y.astype(jnp.float32)
        for number, block in reversed(list(enumerate(self.blocks))):
            x = block.invert(x, context)
            if number:
                x = self.config.mixed(number - 1, x, back=True)
        again, _ = self(x, context)
        return Inverted(x, jnp.max(jnp.abs(again - y), axis=-1), jnp.asarray(len(self.blocks)))


def _half(size: int) -> int:
    """How many numbers pass a coupling."""
    return (size + 1) // 2
