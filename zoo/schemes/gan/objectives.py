"""The adversarial objectives of the papers."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from zoo.catalogue import register
from zoo.schemes.gan.objective import Logits, ObjectiveConfig
from zoo.typing import Scalar


class CrossEntropyConfig(ObjectiveConfig):
    """The discriminator tells real from generated responses by logistic regression."""

    def discriminator(self, real: Logits, fake: Logits) -> Scalar:
        """BCE(D(x), 1) + BCE(D(G), 0)."""
        return jnp.mean(jax.nn.softplus(-real)) + jnp.mean(jax.nn.softplus(fake))


@register("objective", "non_saturating")
class NonSaturatingConfig(CrossEntropyConfig):
    """Cross-entropy; the generator minimises -log D(G), whose gradient lasts when the discriminator wins."""

    def generator(self, fake: Logits) -> Scalar:
        """BCE(D(G), 1)."""
        return jnp.mean(jax.nn.softplus(-fake))


@register("objective", "minimax")
class MinimaxConfig(CrossEntropyConfig):
    """Cross-entropy; the generator minimises log(1 - D(G)), as the papers' text has it and their code has not."""

    def generator(self, fake: Logits) -> Scalar:
        """-BCE(D(G), 0)."""
        return -jnp.mean(jax.nn.softplus(fake))


@register("objective", "wasserstein")
class WassersteinConfig(ObjectiveConfig):
    """The critic's mean over real less its mean over generated responses; needs a bound on the critic's slope."""

    def discriminator(self, real: Logits, fake: Logits) -> Scalar:
        """-mean D(x) + mean D(G)."""
        return jnp.mean(fake) - jnp.mean(real)

    def generator(self, fake: Logits) -> Scalar:
        """-mean D(G)."""
        return -jnp.mean(fake)

    def boundary(self, real: Logits, fake: Logits) -> Scalar:
        """Half-way between the two means: a critic's output has no zero of its own."""
        return 0.5 * (jnp.mean(real) + jnp.mean(fake))
