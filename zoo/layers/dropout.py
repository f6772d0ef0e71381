"""Dropout whose mask costs no more than the product it follows."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, UInt32

from zoo.typing import Key


class Dropout(eqx.Module):
    """Zero a fraction `rate` of all numbers at random and scale the rest up by `1 / (1 - rate)`."""

    rate: float = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*any"], *, key: Key | None) -> Float[Array, "*any"]:
        """A new mask for every key; without a key, `x` itself."""
        if key is None or self.rate == 0.0:
            return x
        kept = random_bits(key, x.shape) >= jnp.uint32(self.rate * 2.0**32)
        return jnp.where(kept, x * (1.0 / (1.0 - self.rate)), jnp.zeros((), x.dtype))


def random_bits(key: Key, shape: tuple[int, ...]) -> UInt32[Array, "*shape"]:
    """32 bits per element from a hash of its number and the key; fit for masks, not for simulation.

    The two words of the key enter around two rounds of a 32-bit mixer. Unlike JAX's own generator, which takes twenty
    rounds through memory and on CPUs costs more than the matrix product before a dropout, this fuses with its
    consumer and can be computed again instead of being stored. Arrays of more than 2^32 elements repeat.
    """
    words = jax.random.key_data(key).astype(jnp.uint32)
    number = lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    return _mix(_mix(number + words[0]) ^ words[-1])


def _mix(bits: UInt32[Array, "*shape"]) -> UInt32[Array, "*shape"]:
    """Wellons' `lowbias32`, a bijection in which every input bit flips every output bit with probability near 1/2."""
    bits = (bits ^ (bits >> 16)) * jnp.uint32(0x7FEB352D)
    bits = (bits ^ (bits >> 15)) * jnp.uint32(0x846CA68B)
    return bits ^ (bits >> 16)
