"""Roles: what turns responses or particles into a few whole numbers, for a prior to draw."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
from pydantic import Field

from zoo.architectures.codebooks.codebook import CodebookConfig
from zoo.catalogue import OneOf, Published
from zoo.errors import ComponentError
from zoo.layers.initial import normal
from zoo.layers.linear import Linear
from zoo.schemes.reductions import summed
from zoo.schemes.scheme import Batch, EventScheme, Reconstructing, SchemeConfig, Tokenising
from zoo.schemes.vector_quantised.bottleneck import Bottleneck
from zoo.typing import Key, Scalar

Size = Annotated[int, Field(ge=1, le=65_536)]
Weight = Annotated[float, Field(ge=0)]


class TokeniserConfig(SchemeConfig):
    """Config of a tokeniser: an autoencoder whose code is a few entries of a codebook."""

    codebook: Annotated[CodebookConfig, OneOf("codebook"), Field(default="gradient")]
    """The vectors that stand for all others."""
    commitment: Weight = 0.25
    """Weight of the squared distance that draws the encoder's vectors to their entries."""
    post_before_st: Annotated[bool, Published(True)] = False
    """Apply the dense layer after the codebook before its derivatives are passed straight through, as the published
    code does: the encoder is then drawn to that layer's output, and the reconstruction does not train the layer."""
    reduction: Literal["sum", "mean"] = "sum"
    """Errors and distances are summed over an event as in the thesis, or averaged as in the FM paper."""
    dense: Literal["both", "before", "none"] = "both"
    """Dense layers around the codebook: before and after it (thesis), one without bias before it, or none."""

    def bottleneck(self, in_size: int, code_size: int, key: Key) -> Bottleneck:
        """The codebook with its layers, from tokens of `in_size` to tokens of `code_size` numbers.

        Raises:
            ComponentError: there is no layer between two different sizes.
        """
        if self.dense == "none" and in_size != code_size:
            raise ComponentError(
                f"scheme {self.component!r}: code_size = {code_size} without dense layers must be the size of the "
                f"encoder's tokens, {in_size}"
            )
        pre_key, codebook_key, post_key = jax.random.split(key, 3)
        pre = post = None
        if self.dense == "both":
            pre, post = Linear(in_size, code_size, key=pre_key), Linear(code_size, code_size, key=post_key)
        elif self.dense == "before":
            pre = Linear(in_size, code_size, use_bias=False, init=normal(1.0 / code_size), key=pre_key)
        return Bottleneck(
            pre=pre,
            codebook=self.codebook.build(dim=code_size, key=codebook_key),
            post=post,
            commitment=self.commitment,
            post_before_st=self.post_before_st,
        )

    def reduced(self, values: Float[Array, "B *axes"]) -> Scalar:
        """One number, in the way of `reduction`; float32."""
        return summed(values) if self.reduction == "sum" else jnp.mean(values)


class Tokeniser(EventScheme, Tokenising):
    """A trained autoencoder through a codebook."""

    bottleneck: Bottleneck
    tokens: int = eqx.field(static=True)
    """Numbers per event, T."""

    @property
    def size(self) -> int:
        """The number of different codes, K."""
        return self.bottleneck.codebook.size


class ResponseTokeniser(Tokeniser, Reconstructing):
    """Images in model space to codes and back."""

    @abstractmethod
    def codes(self, x: Float[Array, "B H W"]) -> Int[Array, "B T"]:
        """The codes of images, in evaluation mode."""

    def tokenise(self, batch: Batch) -> Int[Array, "B T"]:
        """The codes of the responses."""
        return self.codes(batch.x)

    @abstractmethod
    def decode(self, ids: Int[Array, "B T"]) -> Float[Array, "B H W"]:
        """The images that codes stand for, in evaluation mode."""


class VectorTokeniser(Tokeniser):
    """Condition vectors to codes."""

    @abstractmethod
    def codes(self, features: Float[Array, "B F"]) -> Int[Array, "B T"]:
        """The codes of particles, in evaluation mode."""

    def tokenise(self, batch: Batch) -> Int[Array, "B T"]:
        """The codes of the particles."""
        return self.codes(batch.condition.features)
