"""A codebook of running averages (van den Oord et al. 2017, arXiv:1711.00937, appendix A.1)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int
from pydantic import Field

from zoo.architectures.codebooks.codebook import Codebook, CodebookConfig
from zoo.catalogue import Published, register
from zoo.layers.buffer import Buffer
from zoo.layers.initial import normal
from zoo.typing import Key


@register("codebook", "ema")
class EMACodebookConfig(CodebookConfig):
    """Entries are exponential moving averages of the vectors that chose them, and no weights."""

    decay: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """Decay of the averages per step."""
    eps: Annotated[float, Field(gt=0)] = 1e-5
    """Added to the vectors counted for every entry."""
    start_count: Annotated[float, Field(ge=0), Published(0.0)] = 1.0
    """Vectors that are counted for every entry before the first step. The published code starts at none: an entry that
    the first batch does not choose then grows by a factor of 1 / `eps`, and without `normalise` is never chosen."""

    def build(self, *, dim: int, key: Key) -> EMACodebook:
        """Normal entries of variance 1 / dim."""
        entries_key, projection_key = jax.random.split(key)
        entries = normal(dim**-0.5)(entries_key, (self.size, dim))
        return EMACodebook(
            projection=self.projected(dim, projection_key),
            normalise=self.normalise,
            counts=Buffer(jnp.full(self.size, self.start_count)),
            sums=Buffer(entries),
            means=Buffer(entries),
            decay=self.decay,
            eps=self.eps,
        )


class EMACodebook(Codebook):
    """See `EMACodebookConfig`."""

    counts: Buffer
    """Vectors per entry and step, N (K,)."""
    sums: Buffer
    """Their sums, M (K, d)."""
    means: Buffer
    """The entries, M / N once a step was taken."""
    decay: float = eqx.field(static=True)
    eps: float = eqx.field(static=True)

    learned: ClassVar[bool] = False

    @property
    def entries(self) -> Float[Array, "K d"]:
        """The averages."""
        return self.means.value

    def moved(self, x: Float[Array, "*batch d"], ids: Int[Array, "*batch"]) -> Self:
        """Averages of the vectors as they came, neither projected nor normalised; nothing is derived through them."""
        chosen = jax.nn.one_hot(ids.reshape(-1), self.size, dtype=jnp.float32)
        rows = lax.stop_gradient(x.astype(jnp.float32).reshape(-1, x.shape[-1]))
        counts = self._towards(self.counts, jnp.ones(len(chosen)) @ chosen)
        total = jnp.sum(counts)
        counts = (counts + self.eps) / (total + self.size * self.eps) * total
        sums = self._towards(self.sums, jnp.matmul(chosen.T, rows, precision=lax.Precision.HIGHEST))
        state = Buffer(counts), Buffer(sums), Buffer(sums / counts[:, None])
        return eqx.tree_at(lambda book: (book.counts, book.sums, book.means), self, state)

    def _towards(self, running: Buffer, batch: Array) -> Array:
        return self.decay * running.value + (1.0 - self.decay) * batch
