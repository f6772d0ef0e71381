"""The role of an adversarial objective: what the two players of a GAN minimise, given the discriminator's logits."""

from __future__ import annotations

from abc import abstractmethod

import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.catalogue import Config
from zoo.typing import Scalar

Logits = Float[Array, " B"]


class ObjectiveConfig(Config):
    """Config of an objective; it has no parameters, so the config computes itself."""

    @abstractmethod
    def discriminator(self, real: Logits, fake: Logits) -> Scalar:
        """The discriminator's loss, batch mean, float32."""

    @abstractmethod
    def generator(self, fake: Logits) -> Scalar:
        """The generator's loss, batch mean, float32."""

    def boundary(self, real: Logits, fake: Logits) -> Scalar:
        """The logit above which the discriminator takes a response for a real one."""
        del real, fake
        return jnp.zeros(())
