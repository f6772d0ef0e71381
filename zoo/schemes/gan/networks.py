"""The two networks of a GAN (components 5): a generator of images, and a reader of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.architectures.backbone import BackboneConfig, Decoder, Encoder
from zoo.architectures.heads import TokenHead, TokenInput
from zoo.layers.training_only import TrainingOnly
from zoo.typing import Key


class Generator(eqx.Module):
    """Noise and condition, as one vector, to tokens; the tokens and the condition to an image in model space."""

    enter: TokenInput
    decoder: Decoder

    def __init__(
        self, network: BackboneConfig, shape: tuple[int, ...], latent: int, features: int, *, key: Key
    ) -> None:
        enter_key, decoder_key = jax.random.split(key)
        size = network.pre_size
        self.enter = TokenInput(latent + features, network.decoder_tokens(shape), size, key=enter_key)
        self.decoder = network.build_decoder(shape=shape, token_size=size, features=features, key=decoder_key)

    def __call__(
        self, noise: Float[Array, "B L"], features: Float[Array, "B F"], *, key: Key | None
    ) -> tuple[Float[Array, "B H W"], Self]:
        """Images, float32, never negative, and the generator with its running statistics moved on."""
        tokens = self.enter(jnp.concatenate([noise, features], axis=-1))
        image, decoder = self.decoder(tokens, features, key=key)
        return image, eqx.tree_at(lambda generator: generator.decoder, self, decoder)


class Reader(eqx.Module):
    """An image and its condition to a few numbers: one for a discriminator, two for a regressor of positions."""

    encoder: Encoder
    head: TokenHead

    def __init__(
        self,
        network: BackboneConfig,
        shape: tuple[int, ...],
        features: int,
        outputs: int,
        *,
        token_size: int,
        hidden: Sequence[int],
        key: Key,
    ) -> None:
        encoder_key, head_key = jax.random.split(key)
        tokens, width = network.encoder_tokens(shape, features=features)
        self.encoder = network.build_encoder(shape=shape, features=features, key=encoder_key)
        self.head = TokenHead(tokens, width, outputs, per_token=token_size, hidden=hidden, key=head_key)

    def __call__(
        self, x: Float[Array, "B H W"], features: Float[Array, "B F"], *, key: Key | None
    ) -> tuple[Float[Array, "B outputs"], Float[Array, "B E"], Self]:
        """The outputs (linear), the embedding they are made from, and the reader with its statistics moved on."""
        tokens, encoder = self.encoder(x[..., None], features, key=key)
        outputs, embedding = self.head(tokens)
        return outputs, embedding, eqx.tree_at(lambda reader: reader.encoder, self, encoder)


class Discriminator(Reader, TrainingOnly):
    """The reader that tells real responses from generated ones."""

    def __init__(
        self,
        network: BackboneConfig,
        shape: tuple[int, ...],
        features: int,
        *,
        token_size: int,
        hidden: Sequence[int],
        key: Key,
    ) -> None:
        super().__init__(network, shape, features, 1, token_size=token_size, hidden=hidden, key=key)
