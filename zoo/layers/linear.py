"""Dense layer with the initialisation of the published (Flax) models."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.initial import Initialiser, lecun_normal
from zoo.typing import Key


class Linear(eqx.Module):
    """`x @ weight + bias` over the last axis, computed in the dtype of the weights.

    Kernel: LeCun normal (or `init`), bias zero; Equinox' own `nn.Linear` draws both uniformly.
    """

    weight: Float[Array, "in out"]
    bias: Float[Array, " out"] | None

    def __init__(
        self,
        in_size: int,
        out_size: int,
        *,
        use_bias: bool = True,
        init: Initialiser = lecun_normal,
        key: Key,
    ) -> None:
        self.weight = init(key, (in_size, out_size))
        self.bias = jnp.zeros(out_size) if use_bias else None

    def __call__(self, x: Float[Array, "*batch in"]) -> Float[Array, "*batch out"]:
        """The product, in the dtype of the weights."""
        # One plain matrix product over all leading axes: on CPUs the gradient of a batched one is several times slower.
        rows = x.astype(self.weight.dtype).reshape(-1, x.shape[-1])
        y = rows @ self.weight
        if self.bias is not None:
            y = y + self.bias
        return y.reshape(*x.shape[:-1], self.weight.shape[1])
