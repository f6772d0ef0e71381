"""Small networks between the tokens of a backbone and vectors (components 4 and 5)."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.linear import Linear
from zoo.layers.rectify import rectify
from zoo.typing import Key


class TokenHead(eqx.Module):
    """Dense layer per token (none if `per_token` is 0), flatten, perceptron with GELU: discriminators, regressors."""

    per_token: Linear | None
    hidden: tuple[Linear, ...]
    out: Linear

    def __init__(
        self,
        tokens: int,
        token_size: int,
        outputs: int,
        *,
        per_token: int = 128,
        hidden: Sequence[int] = (128, 64),
        key: Key,
    ) -> None:
        keys = jax.random.split(key, 2 + len(hidden))
        sizes = (tokens * (per_token or token_size), *hidden)
        self.per_token = Linear(token_size, per_token, key=keys[0]) if per_token else None
        self.out = Linear(sizes[-1], outputs, key=keys[1])
        self.hidden = tuple(Linear(*pair, key=one) for *pair, one in zip(sizes, hidden, keys[2:], strict=False))

    def __call__(self, tokens: Float[Array, "B T D"]) -> tuple[Float[Array, "B outputs"], Float[Array, "B embedding"]]:
        """The outputs (linear), and the flattened tokens they are made from; both float32."""
        kept = tokens if self.per_token is None else self.per_token(tokens)
        embedding = kept.reshape(len(tokens), -1).astype(jnp.float32)
        x = embedding
        for layer in self.hidden:
            x = jax.nn.gelu(layer(x))
        return self.out(x).astype(jnp.float32), embedding


class LatentHead(eqx.Module):
    """From tokens to the mean and the log variance of a latent vector.

    The wide layer before the two heads is the published cure of a posterior collapse (components 4).
    """

    per_token: Linear
    hidden: Linear
    mean: Linear
    log_variance: Linear

    def __init__(self, tokens: int, token_size: int, latent: int, *, per_token: int = 64, key: Key) -> None:
        keys = jax.random.split(key, 4)
        self.per_token = Linear(token_size, per_token, key=keys[0])
        self.hidden = Linear(tokens * per_token, 2 * latent, key=keys[1])
        self.mean = Linear(2 * latent, latent, key=keys[2])
        self.log_variance = Linear(2 * latent, latent, key=keys[3])

    def __call__(self, tokens: Float[Array, "B T D"]) -> tuple[Float[Array, "B latent"], Float[Array, "B latent"]]:
        """Mean and log variance, float32."""
        flat = self.per_token(tokens).reshape(len(tokens), -1)
        x = rectify(self.hidden(flat))
        return self.mean(x).astype(jnp.float32), self.log_variance(x).astype(jnp.float32)


class TokenInput(eqx.Module):
    """One dense layer from a vector to the tokens a decoder starts from."""

    dense: Linear
    tokens: int = eqx.field(static=True)

    def __init__(self, in_size: int, tokens: int, token_size: int, *, key: Key) -> None:
        self.dense = Linear(in_size, tokens * token_size, key=key)
        self.tokens = tokens

    def __call__(self, x: Float[Array, "B in"]) -> Float[Array, "B T size"]:
        """Tokens, in the dtype of the weights."""
        return self.dense(x).reshape(len(x), self.tokens, -1)
