"""The roles of encoders and decoders: image -> tokens and tokens -> image, one config for both."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.catalogue import Config
from zoo.errors import ComponentError
from zoo.layers.rectify import rectify
from zoo.typing import Key

OUTPUT_SHIFT = 0.5
"""Decoders of the published models end with ReLU(x + 0.5), so that an untrained one is not dark (components 1)."""


class Encoder(eqx.Module):
    """From a batch of images, and the condition where it was built for one, to tokens."""

    @abstractmethod
    def __call__(
        self, x: Float[Array, "B H W C"], features: Float[Array, "B F"] | None, *, key: Key | None
    ) -> tuple[Float[Array, "B T D"], Self]:
        """The tokens, float32, and the encoder with its running statistics moved on.

        Args:
            x: images in model space.
            features: the condition; None for an encoder built with `features = 0`.
            key: randomness of training. None means evaluation: no dropout, running statistics are used and stay.
        """


class Decoder(eqx.Module):
    """From a batch of tokens, and the condition where it was built for one, to images."""

    @abstractmethod
    def __call__(
        self, tokens: Float[Array, "B T d"], features: Float[Array, "B F"] | None, *, key: Key | None
    ) -> tuple[Float[Array, "B H W"], Self]:
        """Images in model space, never negative, float32, and the decoder with its running statistics moved on.

        Args:
            tokens: as many as `BackboneConfig.decoder_tokens` says.
            features: the condition; None for a decoder built with `features = 0`.
            key: randomness of training. None means evaluation: no dropout, running statistics are used and stay.
        """


class BackboneConfig(Config):
    """Config of an encoder and its mirror image, a decoder."""

    @property
    @abstractmethod
    def pre_size(self) -> int:
        """Numbers per token that suit the decoder best: its own width."""

    @abstractmethod
    def encoder_tokens(self, shape: tuple[int, ...], *, features: int = 0) -> tuple[int, int]:
        """Number and size of the tokens of an encoder for images of `shape` that is given `features` numbers.

        Raises:
            ComponentError: as `build_encoder`.
        """

    @abstractmethod
    def decoder_tokens(self, shape: tuple[int, ...]) -> int:
        """Number of tokens that a decoder for images of `shape` wants.

        Raises:
            ComponentError: as `build_decoder`.
        """

    @abstractmethod
    def build_encoder(self, *, shape: tuple[int, ...], in_channels: int = 1, features: int = 0, key: Key) -> Encoder:
        """An encoder for images of `shape`; `features = 0` if it is not conditioned.

        Raises:
            ComponentError: it cannot be built for this shape.
        """

    @abstractmethod
    def build_decoder(self, *, shape: tuple[int, ...], token_size: int, features: int = 0, key: Key) -> Decoder:
        """A decoder for images of `shape` from tokens of `token_size`; `features = 0` if it is not conditioned.

        Raises:
            ComponentError: it cannot be built for this shape.
        """

    def image_shape(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The shape as rows and columns.

        Raises:
            ComponentError: the target is not an image.
        """
        if len(shape) != 2:
            raise ComponentError(f"architecture {self.component!r} needs an image, not a target of shape {shape}")
        return shape[0], shape[1]


def positive(image: Float[Array, "B H W"]) -> Float[Array, "B H W"]:
    """The output activation of every decoder, float32."""
    return rectify(image.astype(jnp.float32) + OUTPUT_SHIFT)
