"""The role of a regulariser: what is added to the discriminator's loss to keep its slopes small."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.catalogue import Config
from zoo.data.condition import Condition
from zoo.schemes.gan.objective import Logits
from zoo.schemes.scheme import Batch
from zoo.typing import Key, Scalar

Judge = Callable[[Float[Array, "B H W"], Condition], Logits]
"""The discriminator in evaluation mode: (images in model space, conditions) -> logits."""


@dataclass(frozen=True)
class Rivals:
    """What the discriminator is shown in a step."""

    real: Batch
    fake: Float[Array, "B H W"]
    """Generated images in model space, not derived through."""
    matched: Batch
    """The events in the order of the generated images: row i is of the particle that image i was made from."""


class RegulariserConfig(Config):
    """Config of a regulariser; it has no parameters, so the config computes itself."""

    @abstractmethod
    def penalty(self, judge: Judge, rivals: Rivals, key: Key) -> Scalar:
        """What is added to the discriminator's loss, weight included, float32."""


def slopes(judge: Judge, x: Float[Array, "B H W"], condition: Condition) -> tuple[Logits, Float[Array, " B"]]:
    """(logits, squared norms of their gradients with respect to the images), image by image."""
    logits, pull = jax.vjp(lambda x: judge(x, condition), x)
    (gradient,) = pull(jnp.ones_like(logits))
    return logits, jnp.sum(jnp.square(gradient), axis=(1, 2))
