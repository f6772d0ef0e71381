"""A decoder trained without an encoder: what the autoencoders are compared with (thesis, section 4.8.1)."""

from __future__ import annotations

from collections.abc import Mapping

import equinox as eqx
import jax
from jaxtyping import Array, Float

from zoo.catalogue import register
from zoo.data.condition import Condition
from zoo.schemes.autoencoders.autoencoder import Autoencoder, AutoencoderConfig, Size
from zoo.schemes.scheme import Batch, Outcome, Setting
from zoo.schemes.terms.term import build_terms
from zoo.typing import Key


@register("scheme", "decoder_only")
class DecoderOnlyConfig(AutoencoderConfig):
    """Regression of the response: |x - decode(n, c)|^2, which tends to the mean response and to ignore the noise."""

    noise: Size = 10
    """Noise numbers decoded beside the condition."""

    def build(self, setting: Setting, *, key: Key) -> DecoderOnly:
        """The decoder of the variational autoencoder."""
        return DecoderOnly(
            decoder=self.vector_decoder(self.noise + setting.features, setting, key),
            terms=build_terms(self.terms, setting),
            target=setting.target,
            config=self,
        )


class DecoderOnly(Autoencoder):
    """See `DecoderOnlyConfig`."""

    config: DecoderOnlyConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """One player."""
        return {"decoder": ("decoder",)}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Squared error of responses decoded from noise."""
        del player
        noise_key, decoder_key = jax.random.split(key)
        image, decoder = self._decoded(batch.condition, noise_key, decoder_key)
        return self.outcome(batch, image, {}, {"decoder": decoder})

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        """Decode noise, given the condition."""
        return self.target.inverse(self._decoded(condition, key, None)[0])

    def _decoded(
        self, condition: Condition, noise_key: Key, key: Key | None
    ) -> tuple[Float[Array, "B H W"], eqx.Module]:
        noise = jax.random.normal(noise_key, (len(condition.features), self.config.noise))
        return self.decoder(noise, condition.features, key=key)
