"""The learned prior of a vector-quantised autoencoder: responses token by token (thesis, section 4.5.4; schemes 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from zoo.architectures.token_network import TokenNetwork, TokenNetworkConfig, Vocabulary
from zoo.catalogue import OneOf, Published, register
from zoo.data.condition import Condition
from zoo.errors import ComponentError
from zoo.schemes.model import Model
from zoo.schemes.scheme import Batch, Encoding, Examined, Outcome, Setting
from zoo.schemes.stage_reference import StageName
from zoo.schemes.vector_quantised.token_choice import TokenChoiceConfig
from zoo.schemes.vector_quantised.tokeniser import ResponseTokeniser, VectorTokeniser
from zoo.typing import Key


@register("scheme", "token_prior")
class TokenPriorConfig(TokenChoiceConfig):
    """An autoregressive model of the tokens of two earlier stages: the response's, given the particle's."""

    responses: StageName
    """The earlier stage that makes tokens of responses, and responses of tokens."""
    particles: StageName
    """The earlier stage that makes tokens of particles."""
    network: Annotated[TokenNetworkConfig, OneOf("architecture")]
    """The network that predicts every token from those before it."""
    prior_loss: Annotated[Literal["softmax", "sigmoid"], Published("sigmoid")] = "softmax"
    """Maximum likelihood of the token, or (published code) of every entry by itself: whether it is the token or not."""

    @property
    def separable(self) -> bool:
        """The loss is a mean over events."""
        return True

    def build(self, setting: Setting, *, key: Key) -> TokenPrior:
        """The prior with its two tokenisers.

        Raises:
            ComponentError: an earlier stage makes no such tokens or has another model space, or the choice of tokens
                does not fit.
        """
        responses, particles = setting.earlier[self.responses], setting.earlier[self.particles]
        if not isinstance(responses.scheme, ResponseTokeniser):
            raise ComponentError(f"scheme 'token_prior': stage {self.responses!r} makes no tokens of responses")
        if not isinstance(particles.scheme, VectorTokeniser):
            raise ComponentError(f"scheme 'token_prior': stage {self.particles!r} makes no tokens of particles")
        if jax.tree.structure(responses.target) != jax.tree.structure(setting.target):
            raise ComponentError(
                f"scheme 'token_prior': stage {self.responses!r} must have the same model.target as this one"
            )
        self.check_choice(responses.scheme.size)
        vocabulary = Vocabulary(
            given=particles.scheme.tokens,
            given_codes=particles.scheme.size,
            tokens=responses.scheme.tokens,
            codes=responses.scheme.size,
        )
        return TokenPrior(self.network.build(vocabulary, key=key), responses, particles, self)


class TokenPrior(Examined, Encoding):
    """See `TokenPriorConfig`."""

    network: TokenNetwork
    responses: Model
    particles: Model
    config: TokenPriorConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """One player."""
        return {"prior": ("network",)}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Mean over all tokens that are predicted: the particle's but the first, and the response's."""
        del player
        metrics = {name: jnp.mean(values) for name, values in self._predicted(batch, key).items()}
        return Outcome(metrics["loss"], metrics)

    def errors(self, batch: Batch) -> Mapping[str, Float[Array, " B"]]:
        """`loss` as in training, without dropout, and `accuracy`: how many response tokens are the likeliest ones."""
        return self._predicted(batch, None)

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        """As `generate`, in the scheme's own way to choose tokens."""
        return self.generate(condition, self.config, key)

    def generate(self, condition: Condition, choice: TokenChoiceConfig, key: Key) -> Float[Array, "B H W"]:
        """Draw tokens one after the other, then decode all at once; in photons."""
        ids = self.network.draw(self.given(condition), choice.choose, key)
        return self.responses.target.inverse(self.tokeniser.decode(ids))

    def encode(self, batch: Batch, key: Key) -> tuple[Int[Array, "B G"], Int[Array, "B T"]]:
        """The tokens of particles and those of responses."""
        del key
        return self._codes(batch)

    @property
    def fixed(self) -> bool:
        """Unless the response's transforms add noise."""
        return not self.responses.target.random

    def given(self, condition: Condition) -> Int[Array, "B G"]:
        """The tokens of particles, from the features that their own stage derives."""
        tokeniser = self.particles.scheme
        assert isinstance(tokeniser, VectorTokeniser)
        return tokeniser.codes(self.particles.features(condition.particles))

    @property
    def tokeniser(self) -> ResponseTokeniser:
        """What makes tokens of responses, and responses of tokens."""
        assert isinstance(self.responses.scheme, ResponseTokeniser)
        return self.responses.scheme

    def _codes(self, batch: Batch) -> tuple[Int[Array, "B G"], Int[Array, "B T"]]:
        return self.given(batch.condition), self.tokeniser.codes(batch.x)

    def _predicted(self, batch: Batch, key: Key | None) -> dict[str, Float[Array, " B"]]:
        given, ids = self._codes(batch) if batch.code is None else batch.code
        given_logits, logits = self.network(given, ids, key=key)
        losses = jnp.concatenate([self._losses(given_logits, given[:, 1:]), self._losses(logits, ids)], axis=1)
        accuracy = jnp.mean(jnp.argmax(logits, axis=-1) == ids, axis=1)
        return {"loss": jnp.mean(losses, axis=1), "accuracy": accuracy}

    def _losses(self, logits: Float[Array, "B T K"], ids: Int[Array, "B T"]) -> Float[Array, "B T"]:
        own = jnp.take_along_axis(logits, ids[..., None], axis=-1)[..., 0]
        if self.config.prior_loss == "softmax":
            return jax.nn.logsumexp(logits, axis=-1) - own
        # -log s(own) - sum of log(1 - s) over the others; log(1 - s) = -softplus
        return jnp.sum(jax.nn.softplus(logits), axis=-1) - own
