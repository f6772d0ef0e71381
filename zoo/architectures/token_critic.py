"""The conditional discriminator of the thesis' VQ-GAN, which judges every patch (components 6.4)."""

from __future__ import annotations

from typing import Annotated, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.architectures.backbone import BackboneConfig, Encoder
from zoo.architectures.critic import Critic, CriticConfig
from zoo.catalogue import OneOf, register
from zoo.layers.linear import Linear
from zoo.typing import Key


@register("architecture", "token_critic")
class TokenCriticConfig(CriticConfig):
    """The encoder of a backbone, told the condition, and dense layers from each of its tokens to a logit."""

    network: Annotated[BackboneConfig, OneOf("architecture")]
    """The architecture whose encoder makes the tokens: one per patch for a vision transformer."""
    hidden: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Strict(False)] = (128, 64)
    """Units of the layers between a token and its logit."""

    def build(self, *, shape: tuple[int, ...], features: int, key: Key) -> TokenCritic:
        """A critic with as many places as the encoder has tokens."""
        encoder_key, *keys = jax.random.split(key, 2 + len(self.hidden))
        _, width = self.network.encoder_tokens(shape, features=features)
        sizes = (width, *self.hidden, 1)
        return TokenCritic(
            encoder=self.network.build_encoder(shape=shape, features=features, key=encoder_key),
            layers=tuple(Linear(*pair, key=one) for *pair, one in zip(sizes, sizes[1:], keys, strict=False)),
        )


class TokenCritic(Critic):
    """See `TokenCriticConfig`."""

    encoder: Encoder
    layers: tuple[Linear, ...]

    def __call__(
        self, x: Float[Array, "B H W"], features: Float[Array, "B F"], *, key: Key | None
    ) -> tuple[Float[Array, "B P"], Self]:
        """One logit per token."""
        h, encoder = self.encoder(x[..., None], features, key=key)
        for layer in self.layers[:-1]:
            h = jax.nn.gelu(layer(h))
        logits = self.layers[-1](h)[..., 0].astype(jnp.float32)
        return logits, eqx.tree_at(lambda critic: critic.encoder, self, encoder)
