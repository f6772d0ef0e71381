"""The compact variational autoencoder of latent flow matching: a map as latent space (FM paper; components 8.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.architectures.backbone import Decoder, Encoder
from zoo.architectures.map_backbone import MapBackboneConfig
from zoo.catalogue import OneOf, Published, register
from zoo.data.constants import Constants
from zoo.data.target import Target
from zoo.layers.conv import Conv
from zoo.layers.training_only import TRAINING_ONLY
from zoo.schemes.autoencoders.adversary import Adversary, AdversaryConfig
from zoo.schemes.autoencoders.autoencoder import Size, Weight
from zoo.schemes.map_autoencoder import MapAutoencoder
from zoo.schemes.scheme import Batch, Fitting, Outcome, SchemeConfig, Setting
from zoo.schemes.terms.balance import Balance, balanced
from zoo.schemes.terms.term import Made, ResponseTermConfig, Terms, build_terms, fit_terms, unfitted_terms
from zoo.typing import Key


@register("scheme", "spatial_vae")
class SpatialVAEConfig(SchemeConfig):
    """Unconditional variational autoencoder whose latent space is a small map; it reconstructs, and generates nothing.

    Every loss is a mean, over the pixels or the latent numbers, as in the FM paper's code.
    """

    network: Annotated[MapBackboneConfig, OneOf("architecture")]
    """The architecture of encoder and decoder."""
    latent: Size = 4
    """Channels of the latent map."""
    kl_weight: Weight = 1.0
    """Weight of the mean Kullback-Leibler divergence per latent number; it is never balanced."""
    balance: Balance = "gradients"
    """What the weights of reconstruction, adversary and terms mean: the norms of their gradients with respect to the
    reconstructed batch, or factors of their values."""
    reconstruction_weight: Annotated[float, Field(gt=0), Published(0.1)] = 1.0
    """Weight of the mean squared error: equal to the other losses' in the FM paper, 0.1 in its code."""
    adversary: AdversaryConfig | None = None
    """A discriminator that reconstructions have to deceive, trained at the same time."""
    terms: Annotated[tuple[Annotated[ResponseTermConfig, OneOf("term")], ...], Strict(False)] = ()
    """Further losses of the reconstructed responses."""

    def unfitted(self, setting: Setting) -> Constants:
        """Those of the terms."""
        return unfitted_terms(self.terms, setting)

    def fit(self, fitting: Fitting) -> Constants:
        """Those of the terms."""
        return fit_terms(self.terms, fitting)

    def build(self, setting: Setting, *, key: Key) -> SpatialVAE:
        """Encoder, the two 1x1 convolutions to mean and log-variance, decoder and adversary.

        Raises:
            ComponentError: the target is not an image, or a component does not fit.
        """
        encoder_key, mean_key, variance_key, decoder_key, adversary_key = jax.random.split(key, 5)
        rows, columns = self.network.map_shape(setting.shape)
        _, width = self.network.encoder_tokens(setting.shape)
        return SpatialVAE(
            encoder=self.network.build_encoder(shape=setting.shape, key=encoder_key),
            mean=Conv(width, self.latent, 1, key=mean_key),
            log_variance=Conv(width, self.latent, 1, key=variance_key),
            decoder=self.network.build_decoder(shape=setting.shape, token_size=self.latent, key=decoder_key),
            adversary=None if self.adversary is None else self.adversary.build(setting, key=adversary_key),
            terms=build_terms(self.terms, setting),
            target=setting.target,
            config=self,
            latent_shape=(rows, columns, self.latent),
        )


class SpatialVAE(MapAutoencoder):
    """See `SpatialVAEConfig`."""

    encoder: Encoder = eqx.field(metadata=TRAINING_ONLY)
    mean: Conv = eqx.field(metadata=TRAINING_ONLY)
    log_variance: Conv = eqx.field(metadata=TRAINING_ONLY)
    decoder: Decoder
    adversary: Adversary | None
    terms: Terms
    target: Target
    config: SpatialVAEConfig = eqx.field(static=True)
    latent_shape: tuple[int, int, int] = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """The autoencoder, and the discriminator where there is one."""
        own = {"autoencoder": ("encoder", "mean", "log_variance", "decoder")}
        return own if self.adversary is None else own | {"discriminator": ("adversary.critic",)}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Reconstruction through one sample of the posterior, judged by all losses (schemes 6)."""
        encoder_key, noise_key, decoder_key, judge_key = jax.random.split(key, 4)
        h, encoder = self._encoded(batch.x, encoder_key)
        mean, log_variance = (conv(h).astype(jnp.float32) for conv in (self.mean, self.log_variance))
        latent = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(noise_key, mean.shape)
        image, decoder = self.decoder(self._tokens(latent), None, key=decoder_key)
        if player == "discriminator":
            assert self.adversary is not None, "the player is there with the adversary"
            loss, metrics, adversary = self.adversary.judge(image, batch, judge_key)
            return Outcome(loss, metrics, eqx.tree_at(lambda scheme: scheme.adversary, self, adversary))
        losses = {
            "reconstruction": (self.config.reconstruction_weight, lambda x: jnp.mean(jnp.square(batch.x - x))),
            **self.terms.losses(Made(image, batch.condition, batch)),
        }
        if self.adversary is not None:
            persuaded = self.adversary.persuaded
            losses["adversarial"] = self.adversary.config.weight, lambda x: persuaded(x, batch, judge_key)
        loss, values = balanced(image, losses, self.config.balance)
        kl = -0.5 * jnp.mean(1.0 + log_variance - jnp.square(mean) - jnp.exp(log_variance))
        loss = loss + self.config.kl_weight * kl
        moved = self.with_networks({"encoder": encoder, "decoder": decoder})
        return Outcome(loss, {"loss": loss, "kl": kl, **values}, moved)

    def encode(self, x: Float[Array, "B H W"]) -> Float[Array, "B h w c"]:
        """The mean of the posterior."""
        return self.mean(self._encoded(x, None)[0]).astype(jnp.float32)

    def decode(self, latent: Float[Array, "B h w c"]) -> Float[Array, "B H W"]:
        """Responses in model space."""
        return self.decoder(self._tokens(latent), None, key=None)[0]

    def bare(self) -> Self:
        """Without discriminator and terms."""
        without = Terms((), ()), None
        return eqx.tree_at(lambda own: (own.terms, own.adversary), self, without, is_leaf=lambda node: node is None)

    def _encoded(self, x: Float[Array, "B H W"], key: Key | None) -> tuple[Float[Array, "B h w width"], Encoder]:
        """(the encoder's map, the encoder with its statistics moved on)."""
        tokens, encoder = self.encoder(x[..., None], None, key=key)
        return tokens.reshape(len(x), *self.latent_shape[:2], -1), encoder

    @staticmethod
    def _tokens(latent: Float[Array, "B h w c"]) -> Float[Array, "B T c"]:
        return latent.reshape(len(latent), -1, latent.shape[-1])
