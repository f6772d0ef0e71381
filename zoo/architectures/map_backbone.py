"""The role of backbones whose tokens are the pixels of a small map: what a latent space of images is made of."""

from __future__ import annotations

from abc import abstractmethod

from zoo.architectures.backbone import BackboneConfig


class MapBackboneConfig(BackboneConfig):
    """Config of an encoder and decoder with one token per pixel of a smaller map, in raster order."""

    @abstractmethod
    def map_shape(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Rows and columns of the map for images of `shape`; encoder and decoder agree on it.

        Raises:
            ComponentError: as `build_encoder`.
        """

    def decoder_tokens(self, shape: tuple[int, ...]) -> int:
        """One token per pixel of the map."""
        rows, columns = self.map_shape(shape)
        return rows * columns
