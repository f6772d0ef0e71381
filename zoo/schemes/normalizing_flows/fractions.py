"""Responses as unbounded numbers: every pixel's share of the photons, through a logit (schemes 9)."""

from __future__ import annotations

from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import Config, SamplingOnly
from zoo.typing import Key

MARGIN = 1e-6
"""Shares are moved this far from 0 and 1, so that their logits stay within +-13.8."""


class FractionsConfig(Config):
    """How counts become shares, and shares counts again."""

    noise: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Every count is raised by a uniform random number below this one, drawn anew in every step."""
    subtract: Annotated[bool, SamplingOnly()] = True
    """Take half of `noise` off every generated pixel before it is rounded down (the published variant "sub", else
    "floor")."""
    recalculate: Annotated[bool, SamplingOnly()] = False
    """Scale the rounded response to its photon sum and round again ("recalc")."""


class Fractions(eqx.Module):
    """Responses of one shape, to and fro."""

    config: FractionsConfig = eqx.field(static=True)
    shape: tuple[int, int] = eqx.field(static=True)

    @property
    def size(self) -> int:
        """Numbers per response."""
        return self.shape[0] * self.shape[1]

    def forward(self, counts: Float[Array, "B H W"], key: Key) -> Float[Array, "B D"]:
        """Logits of the pixels' shares of all that is there after the noise."""
        noisy = (counts + self.config.noise * jax.random.uniform(key, counts.shape)).reshape(len(counts), -1)
        shares = MARGIN + (1.0 - 2.0 * MARGIN) * noisy / (jnp.sum(noisy, axis=-1, keepdims=True) + 1e-16)
        return jnp.log(shares) - jnp.log1p(-shares)

    def inverse(self, x: Float[Array, "B D"], total: Float[Array, " B"]) -> Float[Array, "B H W"]:
        """Whole photons, about `total` of them."""
        shares = jnp.maximum(jax.nn.sigmoid(x) - MARGIN, 0.0)
        added = 0.5 * self.config.noise
        photons = _scaled(shares, total + self.size * added)
        photons = jnp.floor(jnp.maximum(photons - added if self.config.subtract else photons, 0.0))
        if self.config.recalculate:
            photons = jnp.floor(_scaled(photons, total))
        return photons.reshape(len(x), *self.shape)


def _scaled(photons: Float[Array, "B D"], total: Float[Array, " B"]) -> Float[Array, "B D"]:
    return photons * (total[:, None] / jnp.maximum(jnp.sum(photons, axis=-1, keepdims=True), 1e-16))
