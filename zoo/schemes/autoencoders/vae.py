"""Conditional variational autoencoder (thesis, sections 3.1 and 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.architectures.backbone import Encoder
from zoo.architectures.heads import LatentHead
from zoo.catalogue import OneOf, register
from zoo.data.condition import Condition
from zoo.data.constants import Constants, prefixed, within
from zoo.layers.training_only import TRAINING_ONLY
from zoo.schemes.autoencoders.autoencoder import Autoencoder, AutoencoderConfig, Size, Weight
from zoo.schemes.embeddings.embedding import Embedding, EmbeddingConfig
from zoo.schemes.reductions import summed
from zoo.schemes.scheme import Batch, Fitting, Outcome, Setting
from zoo.schemes.terms.term import build_terms
from zoo.typing import Key


@register("scheme", "vae")
class VAEConfig(AutoencoderConfig):
    """Variational autoencoder: |x - decode(z, c)|^2 + kl_weight KL, both summed; samples decode normal noise."""

    latent: Size = 10
    """Size of the latent vector."""
    kl_weight: Weight = 0.7
    """Weight of the Kullback-Leibler divergence beside the squared error summed over the pixels."""
    embedding: Annotated[EmbeddingConfig, OneOf("embedding")] | None = None
    """A trained vector appended to the condition, in encoder and decoder alike."""

    def unfitted(self, setting: Setting) -> Constants:
        """Those of the embedding and the terms."""
        own = {} if self.embedding is None else self.embedding.unfitted(setting)
        return {**prefixed(own, "embedding"), **super().unfitted(setting)}

    def fit(self, fitting: Fitting) -> Constants:
        """Those of the embedding and the terms."""
        own = {} if self.embedding is None else self.embedding.fit(fitting)
        return {**prefixed(own, "embedding"), **super().fit(fitting)}

    def build(self, setting: Setting, *, key: Key) -> VAE:
        """Conditioned encoder; the decoder is told the condition beside the latent vector."""
        encoder_key, head_key, decoder_key, embedding_key = jax.random.split(key, 4)
        features, embedding = setting.features, None
        if self.embedding is not None:
            features += self.embedding.size
            embedding = self.embedding.build(setting, within(setting.constants, "embedding"), key=embedding_key)
        tokens, width = self.network.encoder_tokens(setting.shape, features=features)
        return VAE(
            encoder=self.network.build_encoder(shape=setting.shape, features=features, key=encoder_key),
            head=LatentHead(tokens, width, self.latent, per_token=self.token_size, key=head_key),
            decoder=self.vector_decoder(self.latent + features, setting, decoder_key),
            embedding=embedding,
            terms=build_terms(self.terms, setting),
            target=setting.target,
            config=self,
        )


class VAE(Autoencoder):
    """See `VAEConfig`."""

    encoder: Encoder = eqx.field(metadata=TRAINING_ONLY)
    head: LatentHead = eqx.field(metadata=TRAINING_ONLY)
    embedding: Embedding | None
    config: VAEConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """One player."""
        own = ("encoder", "head", "decoder")
        return {"autoencoder": own if self.embedding is None else (*own, "embedding")}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Reconstruction of the batch through one sample of the posterior (schemes 1)."""
        del player
        encoder_key, noise_key, decoder_key = jax.random.split(key, 3)
        given = self._given(batch.condition)
        tokens, encoder = self.encoder(batch.x[..., None], given, key=encoder_key)
        mean, log_variance = self.head(tokens)
        latent = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(noise_key, mean.shape)
        image, decoder = self.decoder(latent, given, key=decoder_key)
        divergence = -0.5 * summed(1.0 + log_variance - jnp.square(mean) - jnp.exp(log_variance))
        moved = {"encoder": encoder, "decoder": decoder}
        return self.outcome(batch, image, {"kl": (self.config.kl_weight, divergence)}, moved)

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        """Decode normal noise, given the condition."""
        given = self._given(condition)
        latent = jax.random.normal(key, (len(given), self.config.latent))
        return self.target.inverse(self.decoder(latent, given, key=None)[0])

    def _given(self, condition: Condition) -> Float[Array, "B F"]:
        """The condition with its embedding."""
        if self.embedding is None:
            return condition.features
        return jnp.concatenate([condition.features, self.embedding(condition.particles)], axis=-1)
