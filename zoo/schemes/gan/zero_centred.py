"""Zero-centred gradient penalty (Roth et al. 2017, arXiv:1705.09367; schemes 4)."""

from __future__ import annotations

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from pydantic import Field

from zoo.catalogue import Published, register
from zoo.schemes.gan.regulariser import Judge, RegulariserConfig, Rivals, slopes
from zoo.typing import Key, Scalar


@register("regulariser", "zero_centred")
class ZeroCentredConfig(RegulariserConfig):
    """gamma/2 mean[(1 - D(x))^2 |grad D(x)|^2 + D(G)^2 |grad D(G)|^2], D the probability, gradients of the logit."""

    gamma: Annotated[float, Field(gt=0)] = 0.1
    """Weight at the start of training."""
    decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Weight at the end of training relative to the start; it falls exponentially. One keeps it fixed."""
    condition: Annotated[Literal["matched", "as_published"], Published("as_published")] = "matched"
    """Condition that generated images are judged under: their own, or (published code) that of another event, the one
    in their row before the conditions were permuted."""

    def penalty(self, judge: Judge, rivals: Rivals, key: Key) -> Scalar:
        """Batch mean; gradients are those of the discriminator without dropout."""
        del key
        events = rivals.matched if self.condition == "matched" else rivals.real
        real, real_slopes = slopes(judge, rivals.real.x, rivals.real.condition)
        fake, fake_slopes = slopes(judge, rivals.fake, events.condition)
        weighted = jnp.square(jax.nn.sigmoid(-real)) * real_slopes + jnp.square(jax.nn.sigmoid(fake)) * fake_slopes
        gamma = self.gamma * self.decay ** jnp.asarray(rivals.real.progress)
        return 0.5 * gamma * jnp.mean(weighted)
