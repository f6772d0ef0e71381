"""The role of a codebook: the nearest of a few vectors stands for any vector (components 6.1)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, NamedTuple, Self

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int
from pydantic import Field

from zoo.catalogue import Config
from zoo.layers.initial import lecun_normal
from zoo.layers.lookup import lookup
from zoo.typing import Key, Scalar

NO_LENGTH = 1e-12
"""Added to a squared length before dividing by its root."""

NO_SHARE = 1e-10
"""Added to the share of an entry before its logarithm."""


class CodebookConfig(Config):
    """Config of a codebook."""

    size: Annotated[int, Field(ge=2, le=65_536)] = 256
    """Entries."""
    normalise: bool = True
    """Scale vectors and entries to length one, before they are compared and as what they are replaced by."""
    projection: Annotated[int, Field(ge=0)] = 0
    """Compare vectors and entries after a fixed random projection to so many numbers; 0 compares them whole."""

    @abstractmethod
    def build(self, *, dim: int, key: Key) -> Codebook:
        """A codebook for vectors of `dim` numbers."""

    def projected(self, dim: int, key: Key) -> Float[Array, "d p"] | None:
        """The projection, if there is one."""
        return None if self.projection == 0 else lecun_normal(key, (dim, self.projection))


class Quantised(NamedTuple):
    """What became of a batch of vectors."""

    ids: Int[Array, "*batch"]
    """The nearest entries; of equally near ones the first."""
    entered: Float[Array, "*batch d"]
    """The vectors, normalised where the codebook normalises."""
    vectors: Float[Array, "*batch d"]
    """The entries they are replaced by, likewise; derivatives reach the entries but not what chose them."""


class Codebook(eqx.Module):
    """Entries, and how vectors are compared with them. All arithmetic is float32.

    The projection only enters a comparison, which has no derivative: it stays as it was drawn, but for weight decay,
    which changes no comparison.
    """

    projection: Float[Array, "d p"] | None
    normalise: bool = eqx.field(static=True)

    learned: ClassVar[bool]
    """Whether the entries descend a loss of their own, or follow the vectors as running averages."""

    @property
    @abstractmethod
    def entries(self) -> Float[Array, "K d"]:
        """The entries as they are kept, float32."""

    @abstractmethod
    def moved(self, x: Float[Array, "*batch d"], ids: Int[Array, "*batch"]) -> Self:
        """The codebook with its running averages moved on by a batch of vectors and their entries."""

    @property
    def size(self) -> int:
        """The number of entries, K."""
        return len(self.entries)

    def codes(self, x: Float[Array, "*batch d"]) -> Int[Array, "*batch"]:
        """The nearest entry of every vector."""
        rows = lax.stop_gradient(x.astype(jnp.float32).reshape(-1, x.shape[-1]))
        entries = lax.stop_gradient(self.entries)
        if self.projection is not None:
            projection = lax.stop_gradient(self.projection.astype(jnp.float32))
            rows, entries = _product(rows, projection), _product(entries, projection)
        rows, entries = self._scaled(rows), self._scaled(entries)
        # |x - e|^2 without |x|^2, which is the same for all entries.
        distances = jnp.sum(jnp.square(entries), axis=-1) - 2.0 * _product(rows, entries.T)
        return jnp.argmin(distances, axis=-1).reshape(x.shape[:-1])

    def quantise(self, x: Float[Array, "*batch d"]) -> Quantised:
        """Replace every vector by its nearest entry."""
        ids = self.codes(x)
        return Quantised(ids, self._scaled(x.astype(jnp.float32)), self.lookup(ids))

    def lookup(self, ids: Int[Array, "*batch"]) -> Float[Array, "*batch d"]:
        """The vectors that entries stand for."""
        return lookup(self._scaled(self.entries), ids)

    def _scaled(self, x: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        if not self.normalise:
            return x
        return x * lax.rsqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True) + NO_LENGTH)


def perplexity(ids: Int[Array, "*batch"], size: int) -> Scalar:
    """How many entries are in use, counted by exp of the entropy of their shares: between 1 and `size`."""
    shares = jnp.bincount(ids.reshape(-1), length=size) / ids.size
    return jnp.exp(-jnp.sum(shares * jnp.log(shares + NO_SHARE)))


def _product(x: Float[Array, "n k"], y: Float[Array, "k m"]) -> Float[Array, "n m"]:
    return jnp.matmul(x, y, precision=lax.Precision.HIGHEST)
