"""Fixed orthogonal maps between the blocks of a flow: nothing to train, and a determinant of one."""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.fft import dct, idct
from jaxtyping import Array, Float

Vectors = Float[Array, "B D"]


class Mixing(eqx.Module):
    """A shuffle of the numbers of a vector, followed by a rotation where `kind` says so.

    The rotation is a cosine transform of numbers with random signs: an orthogonal matrix in which every number goes
    into every other about equally, as in a random one, of which 11025 numbers would need half a gigabyte.
    """

    size: int = eqx.field(static=True)
    kind: Literal["permutation", "rotation"] = eqx.field(static=True)
    number: int = eqx.field(static=True)
    """Which of all such maps."""

    def __call__(self, x: Vectors) -> Vectors:
        """The vectors mixed, float32."""
        order, signs = self._drawn()
        x = x[:, order]
        return x if self.kind == "permutation" else dct(signs * x, norm="ortho")

    def invert(self, y: Vectors) -> Vectors:
        """The vectors that are mixed to y."""
        order, signs = self._drawn()
        x = y if self.kind == "permutation" else signs * idct(y, norm="ortho")
        return x[:, np.argsort(order)]

    def _drawn(self) -> tuple[np.ndarray, Float[Array, " D"]]:
        host = np.random.default_rng(self.number)
        order = host.permutation(self.size)
        return order, jnp.asarray(host.choice([-1.0, 1.0], self.size), jnp.float32)
