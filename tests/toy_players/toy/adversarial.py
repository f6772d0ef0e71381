"""A miniature adversarial scheme on the channel sums, with running state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import register
from zoo.data.condition import Condition
from zoo.data.target import Target
from zoo.layers.buffer import Buffer
from zoo.layers.linear import Linear
from zoo.schemes.scheme import Batch, Outcome, Scheme, SchemeConfig, Setting
from zoo.typing import Key


@register("scheme", "toy_adversarial")
class ToyAdversarialConfig(SchemeConfig):
    """Generator against discriminator, both linear."""

    latent: Annotated[int, Field(ge=1)] = 4
    """Noise numbers per response."""
    explode_at: int | None = None
    """Step from which the generator's loss is not a number, to see what the runner does."""

    def build(self, setting: Setting, *, key: Key) -> ToyAdversarial:
        generator_key, discriminator_key = jax.random.split(key)
        size = setting.shape[0]
        return ToyAdversarial(
            generator=Linear(self.latent + setting.features, size, key=generator_key),
            discriminator=Counting(Linear(size + setting.features, 1, key=discriminator_key), Buffer(jnp.zeros(()))),
            target=setting.target,
            config=self,
        )


class Counting(eqx.Module):
    linear: Linear
    calls: Buffer


class ToyAdversarial(Scheme):
    generator: Linear
    discriminator: Counting
    target: Target
    config: ToyAdversarialConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        return {"generator": ("generator",), "discriminator": ("discriminator",)}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        features = batch.condition.features
        fake = self._generate(features, key)
        judged = self._judge(fake, features)
        if player == "generator":
            loss = jnp.mean(jax.nn.softplus(-judged))
            if self.config.explode_at is not None:
                loss = jnp.where(self.discriminator.calls.value >= self.config.explode_at, jnp.nan, loss)
            return Outcome(loss, {"loss": loss})
        loss = jnp.mean(jax.nn.softplus(judged)) + jnp.mean(jax.nn.softplus(-self._judge(batch.x, features)))
        counted = eqx.tree_at(lambda scheme: scheme.discriminator.calls.value, self, replace_fn=lambda calls: calls + 1)
        return Outcome(loss, {"loss": loss}, counted)

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B R"]:
        return self.target.inverse(self._generate(condition.features, key))

    def _generate(self, features: Float[Array, "B F"], key: Key) -> Float[Array, "B R"]:
        noise = jax.random.normal(key, (len(features), self.config.latent))
        return self.generator(jnp.concatenate([noise, features], axis=-1))

    def _judge(self, x: Float[Array, "B R"], features: Float[Array, "B F"]) -> Float[Array, " B"]:
        return self.discriminator.linear(jnp.concatenate([x, features], axis=-1))[:, 0]
