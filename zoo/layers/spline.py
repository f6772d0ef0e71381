"""Monotonic rational-quadratic splines (Durkan et al., arXiv 1906.04032), with straight tails."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Values = Float[Array, "*dims"]


def check_room(bins: int, minimum: float) -> None:
    """Refuse bins that cannot all have the least width.

    Raises:
        ValueError: together they are wider than the whole.
    """
    if bins * minimum >= 1.0:
        raise ValueError(
            f"{bins} bins of at least {minimum:g} of the width do not fit into it: bins * minimum must be below 1"
        )


class Spline(NamedTuple):
    """The knots of one spline per number, from (-bound, -bound) to (bound, bound); slope 1 at and beyond both ends."""

    widths: Float[Array, "*dims K"]
    heights: Float[Array, "*dims K"]
    slopes: Float[Array, "*dims K+1"]
    bound: float


class _Bin(NamedTuple):
    """The bin that a number falls into."""

    left: Values
    bottom: Values
    width: Values
    height: Values
    slope_left: Values
    slope_right: Values


def numbers_per_spline(bins: int) -> int:
    """Widths, heights and inner slopes."""
    return 3 * bins - 1


def spline(raw: Float[Array, "*dims numbers"], bins: int, bound: float, minimum: float, scale: float = 1.0) -> Spline:
    """The spline that unbounded numbers stand for, float32.

    Args:
        raw: K logits of widths, K of heights, K - 1 inner slopes.
        bins: K.
        bound: outside [-bound, bound] the spline is the identity.
        minimum: least width and height of a bin, of 2 bound, and least slope.
        scale: factor of the logits.
    """
    raw = raw.astype(jnp.float32)
    widths, heights = (
        2.0 * bound * (minimum + (1.0 - minimum * bins) * jax.nn.softmax(scale * part, axis=-1))
        for part in (raw[..., :bins], raw[..., bins : 2 * bins])
    )
    ends = [(0, 0)] * (raw.ndim - 1) + [(1, 1)]
    slopes = jnp.pad(minimum + jax.nn.softplus(raw[..., 2 * bins :]), ends, constant_values=1.0)
    return Spline(widths, heights, slopes, bound)


def transformed(x: Values, knots: Spline) -> tuple[Values, Values]:
    """(y, ln dy/dx), number by number."""
    inside, found = _find(x, knots, knots.widths)
    theta = jnp.clip((jnp.where(inside, x, found.left) - found.left) / found.width, 0.0, 1.0)
    y, slope = _rational(theta, found)
    return jnp.where(inside, y, x), jnp.where(inside, jnp.log(slope), 0.0)


def inverted(y: Values, knots: Spline) -> Values:
    """The x that is transformed to y: the root of a quadratic in the form that cancels least, then a step of Newton's.

    In float32 the closed form alone errs by up to a bin's width where slopes differ much.
    """
    inside, found = _find(y, knots, knots.heights)
    height = jnp.where(inside, y, found.bottom) - found.bottom
    straight = found.height / found.width
    bend = found.slope_right + found.slope_left - 2.0 * straight
    a = found.height * (straight - found.slope_left) + height * bend
    b = found.height * found.slope_left - height * bend
    c = -straight * height
    root = jnp.sqrt(jnp.maximum(b * b - 4.0 * a * c, 0.0))
    theta = jnp.clip(2.0 * c / jnp.minimum(-b - root, -1e-30), 0.0, 1.0)
    reached, slope = _rational(theta, found)
    theta = jnp.clip(theta - (reached - found.bottom - height) / (slope * found.width), 0.0, 1.0)
    return jnp.where(inside, found.left + theta * found.width, y)


def _find(value: Values, knots: Spline, lengths: Float[Array, "*dims K"]) -> tuple[Bool[Array, "*dims"], _Bin]:
    """(whether the value is within the bound, its bin), the bins having these lengths on the value's axis.

    Masks and sums: on CPUs the gradient of a gather is many times slower.
    """
    ends = jnp.cumsum(lengths, axis=-1) - knots.bound
    beyond = value[..., None] >= ends[..., :-1]
    after = jnp.pad(beyond, [(0, 0)] * value.ndim + [(1, 0)], constant_values=True)
    before = jnp.pad(beyond, [(0, 0)] * value.ndim + [(0, 1)], constant_values=False)
    here = after & ~before

    def picked(numbers: Float[Array, "*dims K"]) -> Values:
        return jnp.sum(jnp.where(here, numbers, 0.0), axis=-1)

    def passed(numbers: Float[Array, "*dims K"]) -> Values:
        return jnp.sum(jnp.where(before, numbers, 0.0), axis=-1) - knots.bound

    slopes = knots.slopes
    return jnp.abs(value) < knots.bound, _Bin(
        passed(knots.widths),
        passed(knots.heights),
        picked(knots.widths),
        picked(knots.heights),
        picked(slopes[..., :-1]),
        picked(slopes[..., 1:]),
    )


def _rational(theta: Values, found: _Bin) -> tuple[Values, Values]:
    """(value, derivative) a part theta of the way through a bin."""
    straight = found.height / found.width
    both = theta * (1.0 - theta)
    below = straight + (found.slope_right + found.slope_left - 2.0 * straight) * both
    value = found.bottom + found.height * (straight * theta * theta + found.slope_left * both) / below
    rest = 1.0 - theta
    above = found.slope_right * theta * theta + 2.0 * straight * both + found.slope_left * rest * rest
    return value, straight * straight * above / (below * below)
