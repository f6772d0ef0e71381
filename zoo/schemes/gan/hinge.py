"""The hinge objective of the flow-matching paper's adversarial autoencoders (schemes 6)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from zoo.catalogue import register
from zoo.schemes.gan.objective import Logits, ObjectiveConfig
from zoo.typing import Scalar


@register("objective", "hinge")
class HingeConfig(ObjectiveConfig):
    """The discriminator is only pushed until it is right by a margin of 1; the generator minimises -D(G)."""

    def discriminator(self, real: Logits, fake: Logits) -> Scalar:
        """Mean ReLU(1 - D(x)) + mean ReLU(1 + D(G))."""
        return jnp.mean(jax.nn.relu(1.0 - real)) + jnp.mean(jax.nn.relu(1.0 + fake))

    def generator(self, fake: Logits) -> Scalar:
        """-mean D(G)."""
        return -jnp.mean(fake)
