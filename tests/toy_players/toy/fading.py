"""A miniature scheme on the channel sums that learns something, and loses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.catalogue import register
from zoo.data.condition import Condition
from zoo.data.target import Target
from zoo.layers.buffer import Buffer
from zoo.layers.linear import Linear
from zoo.schemes.scheme import Batch, Outcome, Scheme, SchemeConfig, Setting
from zoo.typing import Key


@register("scheme", "toy_fading")
class FadingConfig(SchemeConfig):
    """Linear regression of the channel sums."""

    after: int = 1_000_000
    """Steps from which on it answers otherwise."""
    how: Literal["dark", "alike", "far", "infinite"] = "dark"
    """What it answers then."""

    def build(self, setting: Setting, *, key: Key) -> Fading:
        network = Counting(Linear(setting.features, setting.shape[0], key=key), Buffer(jnp.zeros(())))
        return Fading(network, setting.target, self)


class Counting(eqx.Module):
    linear: Linear
    steps: Buffer


class Fading(Scheme):
    network: Counting
    target: Target
    config: FadingConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        return {"network": ("network",)}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        loss = jnp.mean(jnp.square(self.network.linear(batch.condition.features) - batch.x))
        moved = eqx.tree_at(lambda scheme: scheme.network.steps.value, self, replace_fn=lambda steps: steps + 1)
        return Outcome(loss, {"loss": loss}, moved)

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B R"]:
        good = self.target.inverse(self.network.linear(condition.features))
        answers = {"dark": 0.0 * good, "alike": 0.0 * good + 7.0, "far": 1e6 * good, "infinite": jnp.inf + 0.0 * good}
        return jnp.where(self.network.steps.value >= self.config.after, answers[self.config.how], good)
