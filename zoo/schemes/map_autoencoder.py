"""The role of an autoencoder with a small map for a latent space, in which a later stage can generate."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.data.target import Target
from zoo.schemes.scheme import Batch, EventScheme, Reconstructing


class MapAutoencoder(EventScheme, Reconstructing):
    """Images to maps and back; it generates none by itself."""

    target: eqx.AbstractVar[Target]
    latent_shape: eqx.AbstractVar[tuple[int, int, int]]
    """Rows, columns and channels of the map."""

    @abstractmethod
    def encode(self, x: Float[Array, "B H W"]) -> Float[Array, "B h w c"]:
        """The maps of responses in model space, in evaluation mode and without randomness, float32."""

    @abstractmethod
    def decode(self, latent: Float[Array, "B h w c"]) -> Float[Array, "B H W"]:
        """Responses in model space, in evaluation mode, float32."""

    @abstractmethod
    def bare(self) -> Self:
        """Without what only its own training needs: what a later stage carries along."""

    def reconstruct(self, batch: Batch) -> Float[Array, "B H W"]:
        """Through the map that a later stage sees."""
        return self.target.inverse(self.decode(self.encode(batch.x)))

    def errors(self, batch: Batch) -> dict[str, Float[Array, " B"]]:
        """`loss`: squared error in model space, averaged over the pixels."""
        difference = batch.x - self.decode(self.encode(batch.x))
        return {"loss": jnp.mean(jnp.square(difference), axis=(1, 2))}
