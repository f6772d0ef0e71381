"""Vector-quantised autoencoders of responses: VQ-VAE and VQ-GAN (thesis, section 4.5; components 6.2, 6.4, 6.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
from pydantic import Strict

from zoo.architectures.backbone import BackboneConfig, Decoder, Encoder
from zoo.architectures.codebooks.codebook import perplexity
from zoo.catalogue import OneOf, register
from zoo.data.constants import Constants
from zoo.data.target import Target
from zoo.errors import ComponentError
from zoo.layers.training_only import TRAINING_ONLY
from zoo.schemes.autoencoders.adversary import Adversary, AdversaryConfig
from zoo.schemes.scheme import Batch, Fitting, Outcome, Setting
from zoo.schemes.terms.balance import Balance, balanced
from zoo.schemes.terms.term import Made, ResponseTermConfig, Terms, build_terms, fit_terms, unfitted_terms
from zoo.schemes.vector_quantised.tokeniser import ResponseTokeniser, Size, TokeniserConfig, Weight
from zoo.typing import Key


@register("scheme", "vq_vae")
class VQVAEConfig(TokeniserConfig):
    """Autoencoder whose code is one codebook entry per token, for a prior to draw; with an adversary, a VQ-GAN."""

    network: Annotated[BackboneConfig, OneOf("architecture")]
    """The architecture of encoder and decoder, neither of which is told the condition."""
    code_size: Size = 256
    """Numbers per codebook entry."""
    reconstruction_weight: Weight = 1.0
    """Weight of the squared error of the pixels."""
    adversary: AdversaryConfig | None = None
    """A discriminator that reconstructions have to deceive, trained at the same time."""
    terms: Annotated[tuple[Annotated[ResponseTermConfig, OneOf("term")], ...], Strict(False)] = ()
    """Further losses of the reconstructed responses."""
    balance: Balance = "values"
    """What the weights of reconstruction, adversary and terms mean: factors of their values, or the norms of their
    gradients with respect to the reconstructed batch."""

    def unfitted(self, setting: Setting) -> Constants:
        """Those of the terms."""
        return unfitted_terms(self.terms, setting)

    def fit(self, fitting: Fitting) -> Constants:
        """Those of the terms."""
        return fit_terms(self.terms, fitting)

    def build(self, setting: Setting, *, key: Key) -> VQVAE:
        """Encoder, codebook, decoder and adversary for the stage's response.

        Raises:
            ComponentError: the target is not an image, or a component does not fit.
        """
        encoder_key, bottleneck_key, decoder_key, adversary_key = jax.random.split(key, 4)
        shape, network = setting.shape, self.network
        (tokens, width), wanted = network.encoder_tokens(shape), network.decoder_tokens(shape)
        if tokens != wanted:
            raise ComponentError(
                f"scheme 'vq_vae': the encoder of architecture {network.component!r} gives {tokens} tokens, "
                f"its decoder wants {wanted}"
            )
        return VQVAE(
            encoder=network.build_encoder(shape=shape, key=encoder_key),
            bottleneck=self.bottleneck(width, self.code_size, bottleneck_key),
            decoder=network.build_decoder(shape=shape, token_size=self.code_size, key=decoder_key),
            adversary=None if self.adversary is None else self.adversary.build(setting, key=adversary_key),
            tokens=tokens,
            terms=build_terms(self.terms, setting),
            target=setting.target,
            config=self,
        )


class VQVAE(ResponseTokeniser):
    """See `VQVAEConfig`."""

    encoder: Encoder = eqx.field(metadata=TRAINING_ONLY)
    decoder: Decoder
    adversary: Adversary | None
    terms: Terms
    target: Target
    config: VQVAEConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """The autoencoder, and the discriminator where there is one."""
        own = {"autoencoder": ("encoder", "bottleneck", "decoder")}
        return own if self.adversary is None else own | {"discriminator": ("adversary.critic",)}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Reconstructions judged by all losses, and the distances of vectors and entries (schemes 5)."""
        encoder_key, decoder_key, judge_key = jax.random.split(key, 3)
        tokens, encoder = self.encoder(batch.x[..., None], None, key=encoder_key)
        passed = self.bottleneck(tokens)
        image, decoder = self.decoder(passed.tokens, None, key=decoder_key)
        if player == "discriminator":
            assert self.adversary is not None, "the player is there with the adversary"
            loss, metrics, adversary = self.adversary.judge(image, batch, judge_key)
            return Outcome(loss, metrics, eqx.tree_at(lambda scheme: scheme.adversary, self, adversary))
        config = self.config
        losses = {
            "reconstruction": (config.reconstruction_weight, lambda x: config.reduced(jnp.square(batch.x - x))),
            **self.terms.losses(Made(image, batch.condition, batch)),
        }
        if self.adversary is not None:
            persuaded = self.adversary.persuaded
            losses["adversarial"] = self.adversary.config.weight, lambda x: persuaded(x, batch, judge_key)
        loss, values = balanced(image, losses, config.balance)
        quantisation = config.reduced(passed.penalty)
        loss = loss + quantisation
        own = {"loss": loss, "quantisation": quantisation, "perplexity": perplexity(passed.ids, self.size)}
        moved = {"encoder": encoder, "bottleneck": passed.bottleneck, "decoder": decoder}
        return Outcome(loss, {**own, **values}, self.with_networks(moved))

    def errors(self, batch: Batch) -> Mapping[str, Float[Array, " B"]]:
        """`loss`: squared error of the pixels in model space, summed or averaged as in training."""
        squared = jnp.square(batch.x - self.decode(self.codes(batch.x)))
        reduce = jnp.sum if self.config.reduction == "sum" else jnp.mean
        return {"loss": reduce(squared, axis=(1, 2))}

    def reconstruct(self, batch: Batch) -> Float[Array, "B H W"]:
        """Responses through the code and back, in photons."""
        return self.target.inverse(self.decode(self.codes(batch.x)))

    def codes(self, x: Float[Array, "B H W"]) -> Int[Array, "B T"]:
        """One entry per token."""
        tokens, _ = self.encoder(x[..., None], None, key=None)
        return self.bottleneck.codes(tokens)

    def decode(self, ids: Int[Array, "B T"]) -> Float[Array, "B H W"]:
        """Images in model space."""
        return self.decoder(self.bottleneck.lookup(ids), None, key=None)[0]
