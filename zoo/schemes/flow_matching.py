"""Flow matching (FM paper, section 3): regress the velocity of straight paths from noise to data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.architectures.time_network import TimeNetwork, TimeNetworkConfig
from zoo.catalogue import OneOf, SamplingOnly, register
from zoo.data.condition import Condition
from zoo.data.target import Target
from zoo.schemes.samplers.sampler import SamplerConfig
from zoo.schemes.scheme import Batch, Outcome, Scheme, SchemeConfig, Setting
from zoo.schemes.time_field import field, network_for, per_example
from zoo.schemes.times.time_distribution import TimeDistributionConfig
from zoo.typing import Key


class FlowConfig(SchemeConfig):
    """Config of flow matching in some space."""

    network: Annotated[TimeNetworkConfig, OneOf("architecture")]
    """The network that predicts the velocity (or the data)."""
    prediction: Literal["velocity", "data"] = "velocity"
    """What the network's output means; "data" is turned into a velocity by (x - x_t) / (1 - t), and the loss stays
    the one of the velocity."""
    time: Annotated[TimeDistributionConfig, OneOf("time"), Field(default="uniform")]
    """Distribution of the training time."""
    time_left: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Smallest 1 - t that a data prediction is divided by."""
    sampler: Annotated[SamplerConfig, OneOf("sampler"), SamplingOnly(), Field(default="euler")]
    """Solver used for generation."""

    @property
    def separable(self) -> bool:
        """The loss is a mean over events."""
        return True

    def flow(self, setting: Setting, *, key: Key) -> FlowMatching:
        """The flow for data of the setting's shape and channels.

        Raises:
            ComponentError: the network cannot be built for them.
        """
        network = network_for(self.network, setting, key=key)
        shape = setting.shape if setting.channels is None else (*setting.shape, setting.channels)
        return FlowMatching(network, setting.target, self, shape, setting.channels is not None)


@register("scheme", "flow_matching")
class FlowMatchingConfig(FlowConfig):
    """Conditional flow matching: x_t = (1-t) z + t x, loss |v(x_t, t, c) - (x - z)|^2, sampled by an ODE solver."""

    def build(self, setting: Setting, *, key: Key) -> FlowMatching:
        """A velocity network for the stage's target."""
        return self.flow(setting, key=key)


class FlowMatching(Scheme):
    """See `FlowMatchingConfig`."""

    network: TimeNetwork
    target: Target
    config: FlowConfig = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    with_channels: bool = eqx.field(static=True, default=False)
    """Whether the last axis of `shape` counts channels."""

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """One player."""
        return {"velocity": ("network",)}

    def velocity(
        self, x: Float[Array, "B *shape"], time: Float[Array, " B"], condition: Condition
    ) -> Float[Array, "B *shape"]:
        """The velocity field at times `time`, float32."""
        output = field(self.network, x, time, condition, with_channels=self.with_channels)
        return output if self.config.prediction == "velocity" else self._towards(output, x, time)

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Mean squared error of the velocity over batch and pixels (schemes 7)."""
        del player
        time_key, noise_key = jax.random.split(key)
        time = self.config.time.draw(time_key, len(batch.x))
        noise = jax.random.normal(noise_key, batch.x.shape)
        t = per_example(time, batch.x.ndim)
        state = (1.0 - t) * noise + t * batch.x
        target = batch.x - noise if self.config.prediction == "velocity" else self._towards(batch.x, state, time)
        loss = jnp.mean(jnp.square(self.velocity(state, time, batch.condition) - target))
        return Outcome(loss, {"loss": loss})

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B *shape"]:
        """Integrate from noise and transform back to photons."""
        return self.target.inverse(self.draw(condition, key))

    def draw(self, condition: Condition, key: Key) -> Float[Array, "B *shape"]:
        """Integrate from noise to data in model space."""
        batch = len(condition.features)
        noise = jax.random.normal(key, (batch, *self.shape))

        def velocity(x: Float[Array, "B *shape"], time: Float[Array, ""]) -> Float[Array, "B *shape"]:
            return self.velocity(x, jnp.full(batch, time), condition)

        return self.config.sampler.integrate(velocity, noise)

    def _towards(
        self, data: Float[Array, "B *shape"], x: Float[Array, "B *shape"], time: Float[Array, " B"]
    ) -> Float[Array, "B *shape"]:
        """The velocity that leads from `x` at `time` to `data` at t = 1."""
        return (data - x) / jnp.maximum(1.0 - per_example(time, x.ndim), self.config.time_left)
