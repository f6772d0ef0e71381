"""The narrow place of a vector-quantised autoencoder, with its straight-through derivative."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from zoo.architectures.codebooks.codebook import Codebook
from zoo.layers.linear import Linear


class Passed(NamedTuple):
    """What came through."""

    tokens: Float[Array, "B T e"]
    """For the decoder, float32; their derivative goes to the encoder as if nothing had been quantised."""
    ids: Int[Array, "B T"]
    penalty: Float[Array, "B T e"]
    """Squared distances of vectors and entries, weighted: what the loss adds, not yet reduced."""
    bottleneck: Bottleneck
    """The same with its running averages moved on."""


class Bottleneck(eqx.Module):
    """A dense layer, the codebook, another dense layer (components 6.2)."""

    pre: Linear | None
    codebook: Codebook
    post: Linear | None
    commitment: float = eqx.field(static=True)
    post_before_st: bool = eqx.field(static=True)

    def __call__(self, x: Float[Array, "B T D"]) -> Passed:
        """Quantise the encoder's tokens, in training."""
        x = self._enter(x)
        quantised = self.codebook.quantise(x)
        entered, vectors = quantised.entered, quantised.vectors
        if self.post_before_st:
            vectors = self._leave(vectors)
        penalty = self.commitment * jnp.square(lax.stop_gradient(vectors) - entered)
        if self.codebook.learned:
            penalty = penalty + jnp.square(vectors - lax.stop_gradient(entered))
        tokens = entered + lax.stop_gradient(vectors - entered)
        if not self.post_before_st:
            tokens = self._leave(tokens)
        moved = eqx.tree_at(lambda own: own.codebook, self, self.codebook.moved(x, quantised.ids))
        return Passed(tokens, quantised.ids, penalty, moved)

    def codes(self, x: Float[Array, "B T D"]) -> Int[Array, "B T"]:
        """The entries that the encoder's tokens become."""
        return self.codebook.codes(self._enter(x))

    def lookup(self, ids: Int[Array, "B T"]) -> Float[Array, "B T e"]:
        """The decoder's tokens for given entries."""
        return self._leave(self.codebook.lookup(ids))

    def _enter(self, x: Float[Array, "B T D"]) -> Float[Array, "B T d"]:
        return (x if self.pre is None else self.pre(x)).astype(jnp.float32)

    def _leave(self, x: Float[Array, "B T d"]) -> Float[Array, "B T e"]:
        return (x if self.post is None else self.post(x)).astype(jnp.float32)
