"""Supervised autoencoder, whose code is the condition itself (thesis, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.architectures.backbone import Encoder
from zoo.catalogue import register
from zoo.data.condition import Condition
from zoo.layers.linear import Linear
from zoo.layers.training_only import TRAINING_ONLY
from zoo.schemes.autoencoders.autoencoder import Autoencoder, AutoencoderConfig, Size, Weight
from zoo.schemes.reductions import summed
from zoo.schemes.scheme import Batch, Outcome, Setting
from zoo.schemes.terms.term import build_terms
from zoo.typing import Key


@register("scheme", "supervised_autoencoder")
class SupervisedAutoencoderConfig(AutoencoderConfig):
    """Supervised autoencoder, e = encode(x): |x - decode(n, e)|^2 + feature_weight |c - e|^2; samples decode (n, c)."""

    noise: Size = 10
    """Noise numbers decoded beside the code."""
    feature_weight: Weight = 1.0
    """Weight of the squared error of the predicted condition, summed over the features."""

    def build(self, setting: Setting, *, key: Key) -> SupervisedAutoencoder:
        """An encoder that is not told the condition, and one dense layer from its tokens to the features."""
        encoder_key, head_key, decoder_key = jax.random.split(key, 3)
        tokens, width = self.network.encoder_tokens(setting.shape)
        return SupervisedAutoencoder(
            encoder=self.network.build_encoder(shape=setting.shape, key=encoder_key),
            head=Linear(tokens * width, setting.features, key=head_key),
            decoder=self.vector_decoder(self.noise + setting.features, setting, decoder_key),
            terms=build_terms(self.terms, setting),
            target=setting.target,
            config=self,
        )


class SupervisedAutoencoder(Autoencoder):
    """See `SupervisedAutoencoderConfig`."""

    encoder: Encoder = eqx.field(metadata=TRAINING_ONLY)
    head: Linear = eqx.field(metadata=TRAINING_ONLY)
    config: SupervisedAutoencoderConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """One player."""
        return {"autoencoder": ("encoder", "head", "decoder")}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Reconstruction from the predicted condition, and its own error; both reach the encoder (schemes 2)."""
        del player
        encoder_key, noise_key, decoder_key = jax.random.split(key, 3)
        tokens, encoder = self.encoder(batch.x[..., None], None, key=encoder_key)
        code = self.head(tokens.reshape(len(tokens), -1)).astype(jnp.float32)
        noise = jax.random.normal(noise_key, (len(code), self.config.noise))
        image, decoder = self.decoder(noise, code, key=decoder_key)
        error = summed(jnp.square(batch.condition.features - code))
        moved = {"encoder": encoder, "decoder": decoder}
        return self.outcome(batch, image, {"features": (self.config.feature_weight, error)}, moved)

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        """Decode noise and the true condition."""
        noise = jax.random.normal(key, (len(condition.features), self.config.noise))
        return self.target.inverse(self.decoder(noise, condition.features, key=None)[0])
