"""A discriminator beside an autoencoder: the adversarial loss of reconstructions, and the player that learns it."""

from __future__ import annotations

from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.architectures.critic import Critic, CriticConfig
from zoo.catalogue import Config, OneOf
from zoo.schemes.gan.objective import ObjectiveConfig
from zoo.schemes.scheme import Batch, Setting
from zoo.typing import Key, Scalar


class AdversaryConfig(Config):
    """An `adversary` table: who judges the reconstructions, and how much that counts."""

    critic: Annotated[CriticConfig, OneOf("architecture")]
    """The discriminator."""
    objective: Annotated[ObjectiveConfig, OneOf("objective"), Field(default="hinge")]
    """What discriminator and autoencoder minimise."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Weight of the adversarial loss beside the other losses of the reconstructions."""
    critic_weight: Annotated[float, Field(gt=0)] = 1.0
    """Weight of the discriminator's own loss."""
    reduction: Literal["mean", "sum"] = "mean"
    """Losses of the places that the discriminator looks at are averaged, or summed as in the thesis."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Fraction of the training in which there is no adversarial loss, and the discriminator learns nothing."""

    def build(self, setting: Setting, *, key: Key) -> Adversary:
        """The discriminator for the stage's responses.

        Raises:
            ComponentError: it cannot be built for them.
        """
        return Adversary(self.critic.build(shape=setting.shape, features=setting.features, key=key), self)


class Adversary(eqx.Module):
    """See `AdversaryConfig`; real and reconstructed responses are judged in the order of the batch."""

    critic: Critic
    config: AdversaryConfig = eqx.field(static=True)

    def persuaded(self, image: Float[Array, "B H W"], batch: Batch, key: Key) -> Scalar:
        """What the autoencoder minimises, before it is weighted."""
        logits, _ = self.critic(image, batch.condition.features, key=key)
        return self._scale(logits, batch) * self.config.objective.generator(logits.ravel())

    def judge(
        self, image: Float[Array, "B H W"], batch: Batch, key: Key
    ) -> tuple[Scalar, dict[str, Scalar], Adversary]:
        """(what the discriminator minimises, how often it is right, the adversary with its statistics moved on)."""
        real_key, fake_key = jax.random.split(key)
        features, objective = batch.condition.features, self.config.objective
        real, critic = self.critic(batch.x, features, key=real_key)
        fake, critic = critic(jax.lax.stop_gradient(image), features, key=fake_key)
        scale = self.config.critic_weight * self._scale(real, batch)
        real, fake = real.ravel(), fake.ravel()
        loss, boundary = scale * objective.discriminator(real, fake), objective.boundary(real, fake)
        accuracies = {"accuracy_real": jnp.mean(real > boundary), "accuracy_fake": jnp.mean(fake <= boundary)}
        return loss, {"loss": loss, **accuracies}, eqx.tree_at(lambda own: own.critic, self, critic)

    def _scale(self, logits: Float[Array, "B P"], batch: Batch) -> Float[Array, ""]:
        """From a mean over places to what is asked for; zero until the warm-up is over."""
        places = logits.shape[1] if self.config.reduction == "sum" else 1
        return jnp.where(jnp.asarray(batch.progress) < self.config.warmup, 0.0, float(places))
