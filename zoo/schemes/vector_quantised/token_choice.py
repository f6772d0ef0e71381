"""How a token is chosen from its logits: the most probable ones are kept, then the rest is chance (schemes 5)."""

from __future__ import annotations

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int
from pydantic import Field

from zoo.catalogue import Published, SamplingOnly
from zoo.errors import ComponentError
from zoo.schemes.scheme import SchemeConfig
from zoo.typing import Key


class TokenChoiceConfig(SchemeConfig):
    """Config of a scheme that draws tokens."""

    temperature: Annotated[float, Field(gt=0), SamplingOnly()] = 1.0
    """What logits are divided by, after the less probable tokens are left out."""
    top_k: Annotated[int, Field(ge=1), SamplingOnly()] | None = None
    """Draw from this many most probable tokens. Absent: from all."""
    top_p: Annotated[float, Field(gt=0, lt=1), SamplingOnly()] | None = None
    """Draw from the fewest most probable tokens that together have this probability. Absent: from all."""
    nucleus: Annotated[Literal["kept", "removed"], Published("removed"), SamplingOnly()] = "kept"
    """What `top_p` counts: the probability that is kept, or (the published sweep) the probability that is left out."""

    def check_choice(self, codes: int) -> None:
        """Refuse what cannot be drawn from a codebook of `codes` entries.

        Raises:
            ComponentError: `top_k` is larger than the codebook, or stands beside `top_p`.
        """
        if self.top_k is not None and self.top_p is not None:
            raise ComponentError(f"scheme {self.component!r}: set top_k or top_p, not both")
        if self.top_k is not None and self.top_k > codes:
            raise ComponentError(
                f"scheme {self.component!r}: top_k = {self.top_k} is larger than the codebook with its {codes} entries"
            )

    def choose(self, logits: Float[Array, "B K"], key: Key) -> Int[Array, " B"]:
        """One token each."""
        return jax.random.categorical(key, self.kept(logits) / self.temperature)

    def kept(self, logits: Float[Array, "B K"]) -> Float[Array, "B K"]:
        """The logits of tokens that may be drawn; minus infinity for the others."""
        if self.top_k is not None:
            least = lax.top_k(logits, self.top_k)[0][:, -1:]
        elif self.top_p is not None:
            least = _least_of_nucleus(logits, self.top_p if self.nucleus == "kept" else 1.0 - self.top_p)
        else:
            return logits
        return jnp.where(logits >= least, logits, -jnp.inf)


def _least_of_nucleus(logits: Float[Array, "B K"], mass: float) -> Float[Array, "B 1"]:
    """The smallest logit among the fewest most probable tokens that together have the probability `mass`."""
    ordered = -jnp.sort(-logits, axis=-1)
    probability = jax.nn.softmax(ordered, axis=-1)
    before = jnp.cumsum(probability, axis=-1) - probability
    # The most probable token has nothing before it, and always stays.
    number = jnp.sum(before < mass, axis=-1, keepdims=True)
    return jnp.take_along_axis(ordered, number - 1, axis=-1)
