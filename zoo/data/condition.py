"""What a scheme is conditioned on."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Condition(eqx.Module):
    """A batch of particles, as the networks see it."""

    particles: Float[Array, "B P"]
    """The raw columns in physical units; earlier stages derive their own features from them."""
    features: Float[Array, "B F"]
    """The vector every network receives."""
    maps: Float[Array, "B H W M"] | None = None
    """Extra input channels of image networks."""

    def with_features(self, extra: Float[Array, "B G"]) -> Condition:
        """The same condition with more features appended."""
        return Condition(self.particles, jnp.concatenate([self.features, extra], axis=-1), self.maps)

    def with_map(self, extra: Float[Array, "B H W"]) -> Condition:
        """The same condition with one more map, behind those there are."""
        maps = extra[..., None]
        if self.maps is not None:
            maps = jnp.concatenate([self.maps, maps], axis=-1)
        return Condition(self.particles, self.features, maps)
