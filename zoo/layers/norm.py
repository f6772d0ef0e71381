"""Layer normalisation over the last axis, always in float32."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.standardise import standardise


class LayerNorm(eqx.Module):
    """Normalise the last axis (per pixel or per token); eps 1e-6 as in the published models.

    Statistics and arithmetic are float32 whatever the compute dtype; so is the result, which the
    next layer casts to the dtype of its own weights.
    """

    scale: Float[Array, " size"] | None
    bias: Float[Array, " size"] | None
    eps: float = eqx.field(static=True)

    def __init__(self, size: int, *, affine: bool = True, use_bias: bool = True, eps: float = 1e-6) -> None:
        self.scale = jnp.ones(size) if affine else None
        self.bias = jnp.zeros(size) if affine and use_bias else None
        self.eps = eps

    def __call__(self, x: Float[Array, "*batch size"]) -> Float[Array, "*batch size"]:
        """The normalised values, float32."""
        x = standardise(x.astype(jnp.float32), self.eps)
        if self.scale is not None:
            x = x * self.scale.astype(jnp.float32)
        if self.bias is not None:
            x = x + self.bias.astype(jnp.float32)
        return x
