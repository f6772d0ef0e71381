"""Vector-quantised autoencoder of the particle's features (components 6.3): what the prior is conditioned on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
from pydantic import Field, Strict

from zoo.architectures.codebooks.codebook import perplexity
from zoo.catalogue import register
from zoo.layers.linear import Linear
from zoo.schemes.scheme import Batch, Outcome, Setting
from zoo.schemes.vector_quantised.tokeniser import Size, TokeniserConfig, VectorTokeniser
from zoo.typing import Key

SLOPE = 0.2


@register("scheme", "vq_particle")
class ParticleTokeniserConfig(TokeniserConfig):
    """Autoencoder of the condition vector whose code is a few codebook entries; it never sees a response."""

    tokens: Size = 2
    """Codebook entries per particle."""
    hidden: Annotated[tuple[Size, ...], Strict(False), Field(min_length=1)] = (64, 128, 128)
    """Units of the encoder's layers before its last, which is as wide as all tokens; the decoder mirrors them."""
    code_size: Size = 64
    """Numbers per codebook entry."""
    activation: Literal["leaky_relu", "gelu"] = "leaky_relu"
    """After every layer of encoder and decoder but the decoder's last; the leaky ReLU has slope 0.2."""

    def build(self, setting: Setting, *, key: Key) -> ParticleTokeniser:
        """The autoencoder for the stage's condition."""
        encoder_key, bottleneck_key, decoder_key = jax.random.split(key, 3)
        inside = self.tokens * self.code_size
        down = (setting.features, *self.hidden, inside)
        up = (inside, *self.hidden[::-1], setting.features)
        return ParticleTokeniser(
            encoder=_layers(down, encoder_key),
            bottleneck=self.bottleneck(self.code_size, self.code_size, bottleneck_key),
            decoder=_layers(up, decoder_key),
            tokens=self.tokens,
            config=self,
        )


class ParticleTokeniser(VectorTokeniser):
    """See `ParticleTokeniserConfig`."""

    encoder: tuple[Linear, ...]
    decoder: tuple[Linear, ...]
    config: ParticleTokeniserConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """One player."""
        return {"autoencoder": ("encoder", "bottleneck", "decoder")}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Squared error of the features, and the distances of vectors and entries (schemes 5)."""
        del player, key
        features = batch.condition.features
        passed = self.bottleneck(self._tokens(features))
        reconstruction = self.config.reduced(jnp.square(features - self._rebuilt(passed.tokens)))
        quantisation = self.config.reduced(passed.penalty)
        loss = reconstruction + quantisation
        metrics = {
            "loss": loss,
            "reconstruction": reconstruction,
            "quantisation": quantisation,
            "perplexity": perplexity(passed.ids, self.size),
        }
        return Outcome(loss, metrics, self.with_networks({"bottleneck": passed.bottleneck}))

    def errors(self, batch: Batch) -> Mapping[str, Float[Array, " B"]]:
        """`loss`: squared error of the standardised features, averaged over them."""
        features = batch.condition.features
        rebuilt = self._rebuilt(self.bottleneck.lookup(self.codes(features)))
        return {"loss": jnp.mean(jnp.square(features - rebuilt), axis=-1)}

    def codes(self, features: Float[Array, "B F"]) -> Int[Array, "B T"]:
        """One entry per token."""
        return self.bottleneck.codes(self._tokens(features))

    def _tokens(self, features: Float[Array, "B F"]) -> Float[Array, "B T d"]:
        x = features
        for layer in self.encoder:
            x = self._activate(layer(x))
        return x.reshape(len(x), self.tokens, -1).astype(jnp.float32)

    def _rebuilt(self, tokens: Float[Array, "B T d"]) -> Float[Array, "B F"]:
        x = tokens.reshape(len(tokens), -1)
        for layer in self.decoder[:-1]:
            x = self._activate(layer(x))
        return self.decoder[-1](x).astype(jnp.float32)

    def _activate(self, x: Float[Array, "B _"]) -> Float[Array, "B _"]:
        return jax.nn.gelu(x) if self.config.activation == "gelu" else jax.nn.leaky_relu(x, SLOPE)


def _layers(sizes: tuple[int, ...], key: Key) -> tuple[Linear, ...]:
    keys = jax.random.split(key, len(sizes) - 1)
    return tuple(Linear(*pair, key=one) for *pair, one in zip(sizes[:-1], sizes[1:], keys, strict=True))
