"""What the autoencoders of the thesis share: one backbone for both halves, the reconstruction loss, terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.architectures.backbone import BackboneConfig, Decoder
from zoo.architectures.heads import TokenInput
from zoo.catalogue import OneOf
from zoo.data.constants import Constants
from zoo.data.target import Target
from zoo.schemes.reductions import summed
from zoo.schemes.scheme import Batch, Fitting, Outcome, Scheme, SchemeConfig, Setting
from zoo.schemes.terms.term import Made, ResponseTermConfig, Terms, fit_terms, unfitted_terms
from zoo.typing import Key, Scalar

Size = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0)]


class AutoencoderConfig(SchemeConfig):
    """Config of an autoencoder."""

    network: Annotated[BackboneConfig, OneOf("architecture")]
    """The architecture of encoder and decoder."""
    token_size: Size = 64
    """Numbers per token of the wide layers around the bottleneck."""
    terms: Annotated[tuple[Annotated[ResponseTermConfig, OneOf("term")], ...], Strict(False)] = ()
    """What is added to the loss of the reconstructed responses."""

    def unfitted(self, setting: Setting) -> Constants:
        """Those of the terms."""
        return unfitted_terms(self.terms, setting)

    def fit(self, fitting: Fitting) -> Constants:
        """Those of the terms."""
        return fit_terms(self.terms, fitting)

    def vector_decoder(self, inputs: int, setting: Setting, key: Key) -> VectorDecoder:
        """A decoder from `inputs` numbers."""
        enter_key, decoder_key = jax.random.split(key)
        return VectorDecoder(
            enter=TokenInput(inputs, self.network.decoder_tokens(setting.shape), self.token_size, key=enter_key),
            decoder=self.network.build_decoder(shape=setting.shape, token_size=self.token_size, key=decoder_key),
        )


class VectorDecoder(eqx.Module):
    """From vectors to images: a wide dense layer to the tokens of a decoder, and the decoder."""

    enter: TokenInput
    decoder: Decoder

    def __call__(self, *parts: Float[Array, "B _"], key: Key | None) -> tuple[Float[Array, "B H W"], Self]:
        """Images of the concatenated parts in model space, and the decoder moved on; see `Decoder`."""
        image, decoder = self.decoder(self.enter(jnp.concatenate(parts, axis=-1)), None, key=key)
        return image, eqx.tree_at(lambda own: own.decoder, self, decoder)


class Autoencoder(Scheme):
    """A scheme that reconstructs the events of its batch."""

    decoder: VectorDecoder
    terms: Terms
    target: Target

    def outcome(
        self,
        batch: Batch,
        image: Float[Array, "B H W"],
        losses: Mapping[str, tuple[float, Scalar]],
        moved: Mapping[str, eqx.Module],
    ) -> Outcome:
        """The whole loss: squared error summed over the pixels, weighted losses of the scheme's own, and terms.

        Args:
            batch: the events.
            image: their reconstructions in model space.
            losses: (weight, value) by name.
            moved: networks with their running statistics moved on, by field.
        """
        reconstruction = summed(jnp.square(batch.x - image))
        extra, values = self.terms(Made(image, batch.condition, batch))
        total = reconstruction + sum((weight * value for weight, value in losses.values()), extra)
        own = {name: value for name, (_, value) in losses.items()}
        return Outcome(
            total, {"loss": total, "reconstruction": reconstruction, **own, **values}, self.with_networks(moved)
        )
