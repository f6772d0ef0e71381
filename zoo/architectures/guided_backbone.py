"""The role of backbones whose decoder also looks at condition maps."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

from jaxtyping import Array, Float

from zoo.architectures.backbone import BackboneConfig, Decoder
from zoo.typing import Key


class GuidedDecoder(Decoder):
    """From tokens, condition and condition maps to images."""

    @abstractmethod
    def guided(
        self,
        tokens: Float[Array, "B T d"],
        features: Float[Array, "B F"] | None,
        maps: Float[Array, "B H W M"] | None,
        *,
        key: Key | None,
    ) -> tuple[Float[Array, "B H W"], Self]:
        """As a `Decoder`, with `maps` of the image's size; None for a decoder built with `maps = 0`."""

    def __call__(
        self, tokens: Float[Array, "B T d"], features: Float[Array, "B F"] | None, *, key: Key | None
    ) -> tuple[Float[Array, "B H W"], Self]:
        """See `Decoder`; for a decoder built without maps."""
        return self.guided(tokens, features, None, key=key)


class GuidedBackboneConfig(BackboneConfig):
    """Config of an encoder, and of a decoder with or without maps."""

    @abstractmethod
    def build_guided(
        self, *, shape: tuple[int, ...], token_size: int, features: int = 0, maps: int = 0, key: Key
    ) -> GuidedDecoder:
        """A decoder as of `build_decoder` that is given `maps` condition maps.

        Raises:
            ComponentError: it cannot be built for this shape.
        """

    def build_decoder(self, *, shape: tuple[int, ...], token_size: int, features: int = 0, key: Key) -> GuidedDecoder:
        """The decoder without maps."""
        return self.build_guided(shape=shape, token_size=token_size, features=features, key=key)
