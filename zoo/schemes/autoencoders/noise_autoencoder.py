"""Autoencoder with a noise generator, the end-to-end Sinkhorn autoencoder of Deja et al. (arXiv 2006.06704)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.architectures.backbone import Encoder
from zoo.architectures.noise_generator import NoiseGenerator
from zoo.catalogue import OneOf, register
from zoo.data.condition import Condition
from zoo.layers.linear import Linear
from zoo.layers.rectify import rectify
from zoo.layers.training_only import TRAINING_ONLY
from zoo.schemes.autoencoders.alignments.alignment import AlignmentConfig
from zoo.schemes.autoencoders.autoencoder import Autoencoder, AutoencoderConfig, Size
from zoo.schemes.scheme import Batch, Outcome, Setting
from zoo.schemes.terms.term import build_terms
from zoo.typing import Key


@register("scheme", "noise_autoencoder")
class NoiseAutoencoderConfig(AutoencoderConfig):
    """Autoencoder with a noise generator: |x - decode(e)|^2 + the alignment of e = encode(x) and generate(n, c)."""

    latent: Size = 20
    """Size of the code, which is never negative."""
    noise: Size = 10
    """Noise numbers that a code is generated from, beside the condition."""
    hidden: Size = 128
    """Units of the noise generator's layer on the condition; its other layers are two and four times as wide."""
    alignment: Annotated[AlignmentConfig, OneOf("alignment"), Field(default="l2")]
    """How generated codes are drawn to the encoded ones."""

    def build(self, setting: Setting, *, key: Key) -> NoiseAutoencoder:
        """Encoder and decoder that are not told the condition, and the noise generator that is."""
        encoder_key, head_key, decoder_key, generator_key = jax.random.split(key, 4)
        tokens, width = self.network.encoder_tokens(setting.shape)
        return NoiseAutoencoder(
            encoder=self.network.build_encoder(shape=setting.shape, key=encoder_key),
            head=Linear(tokens * width, self.latent, key=head_key),
            decoder=self.vector_decoder(self.latent, setting, decoder_key),
            generator=NoiseGenerator(self.noise, setting.features, self.latent, hidden=self.hidden, key=generator_key),
            terms=build_terms(self.terms, setting),
            target=setting.target,
            config=self,
        )


class NoiseAutoencoder(Autoencoder):
    """See `NoiseAutoencoderConfig`."""

    encoder: Encoder = eqx.field(metadata=TRAINING_ONLY)
    head: Linear = eqx.field(metadata=TRAINING_ONLY)
    generator: NoiseGenerator
    config: NoiseAutoencoderConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """One player: all networks descend the same loss."""
        return {"autoencoder": ("encoder", "head", "decoder", "generator")}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Reconstruction from the encoded code, and its distance to the generated one (schemes 3)."""
        del player
        encoder_key, noise_key, decoder_key = jax.random.split(key, 3)
        tokens, encoder = self.encoder(batch.x[..., None], None, key=encoder_key)
        encoded = rectify(self.head(tokens.reshape(len(tokens), -1)).astype(jnp.float32))
        image, decoder = self.decoder(encoded, key=decoder_key)
        generated = self._generated(batch.condition, noise_key)
        alignment = self.config.alignment
        distance = alignment.distance(encoded, generated, batch.condition.features)
        moved = {"encoder": encoder, "decoder": decoder}
        return self.outcome(batch, image, {"alignment": (alignment.weight, distance)}, moved)

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        """Decode a generated code."""
        return self.target.inverse(self.decoder(self._generated(condition, key), key=None)[0])

    def _generated(self, condition: Condition, key: Key) -> Float[Array, "B L"]:
        """One code per particle."""
        noise = jax.random.normal(key, (len(condition.features), self.config.noise))
        return self.generator(noise, condition.features)
