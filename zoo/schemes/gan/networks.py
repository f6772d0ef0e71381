"""The two networks of a GAN (components 5): a generator of images, and a reader of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.architectures.backbone import BackboneConfig, Decoder, Encoder
from zoo.architectures.guided_backbone import GuidedBackboneConfig, GuidedDecoder
from zoo.architectures.heads import TokenHead, TokenInput
from zoo.data.condition import Condition
from zoo.errors import ComponentError
from zoo.layers.training_only import TrainingOnly
from zoo.typing import Key


class Generator(eqx.Module):
    """Noise and condition, as one vector, to tokens; the tokens and the condition to an image in model space.

    Raises:
        ComponentError: there are condition maps that the architecture does not take, or it cannot be built.
    """

    enter: TokenInput
    decoder: Decoder

    def __init__(
        self, network: BackboneConfig, shape: tuple[int, ...], latent: int, features: int, maps: int = 0, *, key: Key
    ) -> None:
        enter_key, decoder_key = jax.random.split(key)
        size = network.pre_size
        self.enter = TokenInput(latent + features, network.decoder_tokens(shape), size, key=enter_key)
        build = network.build_decoder
        if maps:
            if not isinstance(network, GuidedBackboneConfig):
                raise ComponentError(f"architecture {network.component!r} has no use for condition maps in a generator")
            build = partial(network.build_guided, maps=maps)
        self.decoder = build(shape=shape, token_size=size, features=features, key=decoder_key)

    def __call__(
        self, noise: Float[Array, "B L"], condition: Condition, *, key: Key | None
    ) -> tuple[Float[Array, "B H W"], Self]:
        """Images, float32, never negative, and the generator with its running statistics moved on."""
        features, maps = condition.features, condition.maps
        tokens = self.enter(jnp.concatenate([noise, features], axis=-1))
        if isinstance(self.decoder, GuidedDecoder):
            image, decoder = self.decoder.guided(tokens, features, maps, key=key)
        else:
            image, decoder = self.decoder(tokens, features, key=key)
        return image, eqx.tree_at(lambda generator: generator.decoder, self, decoder)


class Reader(eqx.Module):
    """An image and its condition to a few numbers: one for a discriminator, two for a regressor of positions.

    Condition maps, if it is built for any, are further channels of the image.
    """

    encoder: Encoder
    head: TokenHead

    def __init__(
        self,
        network: BackboneConfig,
        shape: tuple[int, ...],
        features: int,
        outputs: int,
        maps: int = 0,
        *,
        token_size: int,
        hidden: Sequence[int],
        key: Key,
    ) -> None:
        encoder_key, head_key = jax.random.split(key)
        tokens, width = network.encoder_tokens(shape, features=features)
        self.encoder = network.build_encoder(shape=shape, in_channels=1 + maps, features=features, key=encoder_key)
        self.head = TokenHead(tokens, width, outputs, per_token=token_size, hidden=hidden, key=head_key)

    def __call__(
        self,
        x: Float[Array, "B H W"],
        features: Float[Array, "B F"],
        maps: Float[Array, "B H W M"] | None = None,
        *,
        key: Key | None,
    ) -> tuple[Float[Array, "B outputs"], Float[Array, "B E"], Self]:
        """The outputs (linear), the embedding they are made from, and the reader with its statistics moved on."""
        channels = x[..., None]
        if maps is not None:
            channels = jnp.concatenate([channels, maps.astype(x.dtype)], axis=-1)
        tokens, encoder = self.encoder(channels, features, key=key)
        outputs, embedding = self.head(tokens)
        return outputs, embedding, eqx.tree_at(lambda reader: reader.encoder, self, encoder)


class Discriminator(Reader, TrainingOnly):
    """The reader that tells real responses from generated ones."""

    def __init__(
        self,
        network: BackboneConfig,
        shape: tuple[int, ...],
        features: int,
        maps: int = 0,
        *,
        token_size: int,
        hidden: Sequence[int],
        key: Key,
    ) -> None:
        super().__init__(network, shape, features, 1, maps, token_size=token_size, hidden=hidden, key=key)
