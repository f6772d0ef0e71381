"""A fast base-2 exponential for the inner loop of attention on the CPU."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

# 2^f on [-1/2, 1/2], least maximal relative error (7.5e-8) of all polynomials of degree 5
_POLYNOMIAL = (
    1.000000071653621,
    0.6931469670312065,
    0.24022119727285865,
    0.055507133282520896,
    0.009675541196071934,
    0.0013276454299834472,
)

# Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the mantissa.
_SHIFT = 1.5 * 2.0**23
_SHIFT_BITS = 0x4B400000
_MANTISSA = 23


@jax.custom_jvp
def exp2(x: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """2^x for float32 x <= 127, relative error below 3e-7; about twice as fast as `jnp.exp` on the CPU.

    2^x = 2^n 2^f with n the nearest integer: a polynomial for 2^f, n added to the bits of its exponent.
    Below -126 the result is no longer exact but stays below 2^-125.
    """
    n = jnp.round(x)
    f = x - n
    power = jnp.full_like(f, _POLYNOMIAL[-1])
    for coefficient in _POLYNOMIAL[-2::-1]:
        power = power * f + coefficient
    exponent = jnp.maximum(lax.bitcast_convert_type(n + _SHIFT, jnp.int32), _SHIFT_BITS - 126) << _MANTISSA
    return lax.bitcast_convert_type(lax.bitcast_convert_type(power, jnp.int32) + exponent, jnp.float32)


@exp2.defjvp
def _derivative(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    power = exp2(*primals)
    return power, math.log(2.0) * power * tangents[0]
