"""Gradient penalty of the Wasserstein GAN (Gulrajani et al. 2017, arXiv:1704.00028; schemes 4)."""

from __future__ import annotations

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from pydantic import Field

from zoo.catalogue import Published, register
from zoo.schemes.gan.regulariser import Judge, RegulariserConfig, Rivals, slopes
from zoo.typing import Key, Scalar

FLAT = 1e-12
"""Added to a squared gradient, so that its root can be derived where it is zero."""


@register("regulariser", "gradient_penalty")
class GradientPenaltyConfig(RegulariserConfig):
    """weight mean(|grad D(u x + (1 - u) G)| - 1)^2, u uniform: the critic rises by one between real and generated."""

    weight: Annotated[float, Field(gt=0)] = 10.0
    """What the penalty is multiplied by."""
    pairing: Annotated[Literal["matched", "as_published"], Published("as_published")] = "matched"
    """Real image at the other end of the line from a generated one, and the condition it is judged under: an event of
    the same particle, or (published code) the event in its row before the conditions were permuted."""

    def penalty(self, judge: Judge, rivals: Rivals, key: Key) -> Scalar:
        """Batch mean; one u for every pair."""
        events = rivals.matched if self.pairing == "matched" else rivals.real
        share = jax.random.uniform(key, (len(rivals.fake), 1, 1))
        between = share * events.x + (1.0 - share) * rivals.fake
        _, squared = slopes(judge, between, events.condition)
        return self.weight * jnp.mean(jnp.square(jnp.sqrt(squared + FLAT) - 1.0))
