"""A Bayesian network for the channel sums: the photon-count model of the normalizing flow (components 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import register
from zoo.data.condition import Condition
from zoo.data.constants import Constants
from zoo.data.target import Target
from zoo.layers.bayesian_linear import BayesianLinear
from zoo.schemes.direct.channels_only import channel_count
from zoo.schemes.scheme import Batch, Fitting, Outcome, Scheme, SchemeConfig, Setting
from zoo.typing import Key, Scalar


@register("scheme", "bayesian_regression")
class BayesianRegressionConfig(SchemeConfig):
    """Channel sums from a normal distribution, mean and covariance from a network whose weights are distributions too.

    The papers name a Bayesian network that draws the photon sum and publish neither its layers nor its code. This one
    draws all channels, correlated, in model space; their sum is the photon sum.
    """

    width: Annotated[int, Field(ge=1)] = 64
    """Units of every hidden layer."""
    layers: Annotated[int, Field(ge=1)] = 3
    """Hidden layers."""
    divergence_weight: Annotated[float, Field(ge=0)] = 1.0
    """Factor of the weights' divergence from their prior, which is shared out over the training events."""

    def unfitted(self, setting: Setting) -> Constants:
        """One training event."""
        del setting
        return {"events": np.ones(())}

    def fit(self, fitting: Fitting) -> Constants:
        """The number of training events."""
        return {"events": np.asarray(float(len(fitting.train)))}

    def build(self, setting: Setting, *, key: Key) -> BayesianRegression:
        """The network for the stage's channel sums.

        Raises:
            ComponentError: the target is none of channel sums.
        """
        channels = channel_count(self.component, setting)
        sizes = [setting.features, *[self.width] * self.layers, channels + channels * (channels + 1) // 2]
        keys = jax.random.split(key, len(sizes))
        layers = (BayesianLinear(*pair, key=one) for *pair, one in zip(sizes[:-1], sizes[1:], keys[1:], strict=True))
        events = jnp.asarray(setting.constants["events"], jnp.float32)
        return BayesianRegression(BayesianNetwork(tuple(layers)), events, setting.target, self, channels)


class BayesianNetwork(eqx.Module):
    """Layers with ReLUs between them."""

    layers: tuple[BayesianLinear, ...]

    def __call__(self, x: Float[Array, "B F"], *, key: Key) -> Float[Array, "B out"]:
        """The outputs, float32, with weights drawn for every example."""
        for number, layer in enumerate(self.layers):
            x = layer(jax.nn.relu(x) if number else x, key=jax.random.fold_in(key, number))
        return x.astype(jnp.float32)

    def divergence(self) -> Scalar:
        """That of all weights together."""
        return sum((layer.divergence() for layer in self.layers), jnp.zeros(()))


class BayesianRegression(Scheme):
    """See `BayesianRegressionConfig`."""

    network: BayesianNetwork
    events: Float[Array, ""]
    target: Target
    config: BayesianRegressionConfig = eqx.field(static=True)
    channels: int = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """One player."""
        return {"regressor": ("network",)}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """The negative evidence lower bound of an event, in nats."""
        del player
        mean, factor = self._normal(batch.condition, key)
        white = jax.scipy.linalg.solve_triangular(factor, (batch.x - mean)[..., None], lower=True)[..., 0]
        diagonal = jnp.diagonal(factor, axis1=-2, axis2=-1)
        surprise = jnp.sum(0.5 * jnp.square(white) + 0.5 * jnp.log(2.0 * jnp.pi) + jnp.log(diagonal), axis=-1)
        likelihood, divergence = jnp.mean(surprise), self.network.divergence() / self.events
        loss = likelihood + self.config.divergence_weight * divergence
        return Outcome(loss, {"loss": loss, "surprise": likelihood, "divergence": divergence})

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B R"]:
        """Sums drawn with weights drawn for every particle, in photons."""
        weight_key, noise_key = jax.random.split(key)
        mean, factor = self._normal(condition, weight_key)
        noise = jax.random.normal(noise_key, mean.shape)
        return self.target.inverse(mean + jnp.einsum("brs,bs->br", factor, noise))

    def _normal(self, condition: Condition, key: Key) -> tuple[Float[Array, "B R"], Float[Array, "B R R"]]:
        """(mean, lower Cholesky factor of the covariance) in model space."""
        raw = self.network(condition.features, key=key)
        mean, entries = raw[:, : self.channels], raw[:, self.channels :]
        rows, columns = np.tril_indices(self.channels)
        lower = jnp.zeros((len(raw), self.channels, self.channels)).at[:, rows, columns].set(entries)
        positive = jax.nn.softplus(jnp.diagonal(lower, axis1=-2, axis2=-1)) + 1e-3
        return mean, jnp.tril(lower, -1) + positive[:, :, None] * jnp.eye(self.channels)
