"""The debiased Sinkhorn divergence between two clouds of points, by annealing in the log domain.

Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn divergences" (AISTATS 2019): with the
cost |x - y|^2 / 2 and OT_eps the entropic transport between uniform weights,

    S(x, y) = OT_eps(x, y) - OT_eps(x, x) / 2 - OT_eps(y, y) / 2,

which is zero for equal clouds and positive otherwise. The dual potentials are found while eps falls geometrically from
`diameter`^2 to `blur`^2, all of them updated at once and averaged with their last value (schemes 3).
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import Config
from zoo.typing import Scalar

Length = Annotated[float, Field(gt=0)]


class SinkhornConfig(Config):
    """How far and how fast a Sinkhorn divergence is annealed; for configs that use one."""

    diameter: Length = 0.01
    """Length scale that annealing starts from."""
    blur: Length = 1e-5
    """Length scale that annealing ends at: details of the clouds below it are not seen."""
    scaling: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Length scale of a step relative to that of the step before; nearer to one is more exact and slower."""

    def divergence(self, x: Float[Array, "N D"], y: Float[Array, "M D"]) -> Scalar:
        """The divergence of two clouds, see `sinkhorn_divergence`."""
        return sinkhorn_divergence(x, y, annealing(self.diameter, self.blur, self.scaling))


def annealing(diameter: float, blur: float, scaling: float) -> Float[np.ndarray, " S"]:
    """The values of eps in order: diameter^2 twice, falling by scaling^2 while above blur^2, blur^2."""
    exponents = np.arange(2 * math.log(diameter), 2 * math.log(blur), 2 * math.log(scaling))
    return np.array([diameter**2, *np.exp(exponents), blur**2], np.float32)


class _Potentials(NamedTuple):
    """The dual potentials of the three transports."""

    x: Float[Array, " N"]
    """Of x, transported to y."""
    y: Float[Array, " M"]
    """Of y, transported to x."""
    xx: Float[Array, " N"]
    """Of x, transported to itself."""
    yy: Float[Array, " M"]
    """Of y, transported to itself."""


class _Costs(NamedTuple):
    """The pairwise costs of the three transports."""

    xy: Float[Array, "N M"]
    xx: Float[Array, "N N"]
    yy: Float[Array, "M M"]


def sinkhorn_divergence(
    x: Float[Array, "N D"], y: Float[Array, "M D"], epsilons: Float[np.ndarray, " S"] | Float[Array, " S"]
) -> Scalar:
    """S(x, y) >= 0 of two clouds of equally heavy points, float32, differentiable once in both.

    The gradient is that of one more update with the potentials held fixed (the envelope theorem makes it exact at
    convergence). It has a closed form, so that neither annealing nor costs are differentiated through: a point is drawn
    from where its own cloud's plan takes it to where the other cloud's does. Memory: three matrices of costs and as
    many temporaries.

    Args:
        x: first cloud.
        y: second cloud.
        epsilons: temperatures in order, as from `annealing`.
    """
    x, y = x.astype(jnp.float32), y.astype(jnp.float32)
    fixed_x, fixed_y = jax.lax.stop_gradient((x, y))
    value, slope_x, slope_y = _solved(fixed_x, fixed_y, jnp.asarray(epsilons, jnp.float32))
    # A linear function of the clouds with the right value and slope where they are.
    return value + jnp.vdot(slope_x, x - fixed_x) + jnp.vdot(slope_y, y - fixed_y)


def _solved(
    x: Float[Array, "N D"], y: Float[Array, "M D"], epsilons: Float[Array, " S"]
) -> tuple[Scalar, Float[Array, "N D"], Float[Array, "M D"]]:
    """The divergence and its gradients with respect to the two clouds."""
    costs = _Costs(_cost(x, y), _cost(x, x), _cost(y, y))
    start = _updated(_Potentials(*(jnp.zeros(len(cloud)) for cloud in (x, y, x, y))), costs, epsilons[0])

    def anneal(potentials: _Potentials, eps: Float[Array, ""]) -> tuple[_Potentials, None]:
        moved = _updated(potentials, costs, eps)
        return _Potentials(*(0.5 * (old + new) for old, new in zip(potentials, moved, strict=True))), None

    potentials, _ = jax.lax.scan(anneal, start, epsilons)
    last = epsilons[-1]
    final = _updated(potentials, costs, last)
    value = jnp.mean(final.x - final.xx) + jnp.mean(final.y - final.yy)
    slope_x = _image(costs.xx, potentials.xx, x, last) - _image(costs.xy, potentials.y, y, last)
    slope_y = _image(costs.yy, potentials.yy, y, last) - _image(costs.xy.T, potentials.x, x, last)
    return value, slope_x / len(x), slope_y / len(y)


def _cost(x: Float[Array, "N D"], y: Float[Array, "M D"]) -> Float[Array, "N M"]:
    """|x - y|^2 / 2 from differences: expanding the square would lose what `blur` resolves."""
    return 0.5 * jnp.sum(jnp.square(x[:, None, :] - y[None, :, :]), axis=-1)


def _updated(potentials: _Potentials, costs: _Costs, eps: Float[Array, ""]) -> _Potentials:
    """All potentials from the ones before."""
    return _Potentials(
        x=_softmin(costs.xy - potentials.y[None, :], eps, axis=1),
        y=_softmin(costs.xy - potentials.x[:, None], eps, axis=0),
        xx=_softmin(costs.xx - potentials.xx[None, :], eps, axis=1),
        yy=_softmin(costs.yy - potentials.yy[None, :], eps, axis=1),
    )


def _softmin(values: Float[Array, "N M"], eps: Float[Array, ""], axis: int) -> Float[Array, " K"]:
    """-eps log mean exp(-values / eps); the smallest is taken out first, while float32 still resolves the others."""
    smallest = jnp.min(values, axis=axis, keepdims=True)
    spread = jnp.mean(jnp.exp((smallest - values) / eps), axis=axis)
    return jnp.squeeze(smallest, axis) - eps * jnp.log(spread)


def _image(
    cost: Float[Array, "N M"], potential: Float[Array, " M"], cloud: Float[Array, "M D"], eps: Float[Array, ""]
) -> Float[Array, "N D"]:
    """Where the plan takes every row's point: the mean of the other cloud under its row of the plan."""
    values = cost - potential[None, :]
    plan = jax.nn.softmax((jnp.min(values, axis=1, keepdims=True) - values) / eps, axis=1)
    return jnp.matmul(plan, cloud, precision=jax.lax.Precision.HIGHEST)
