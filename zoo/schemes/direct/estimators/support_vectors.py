"""Support vector regression."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import product
from typing import Annotated, Any, Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.catalogue import register
from zoo.data.constants import Constants
from zoo.schemes.direct.estimators.estimator import Choice, Estimator, EstimatorConfig, Sample, Size

Kernel = Literal["rbf", "linear", "poly", "sigmoid"]
Gamma = Literal["scale", "auto"] | Annotated[float, Field(gt=0)]

DEGREE = 3


@register("estimator", "support_vectors")
class SupportVectorsConfig(EstimatorConfig):
    """A weighted sum of a kernel at training events, flat within 0.1 of the truth; the published grid by default.

    The whole grid is long, and a polynomial kernel with a large gamma hardly converges: name the values that are worth
    a try, or `iterations`.
    """

    kernel: Annotated[tuple[Kernel, ...], Strict(False), Field(min_length=1)] = ("rbf", "linear", "poly", "sigmoid")
    """The kernel: exp(-g |x-z|^2), <x,z>, (g <x,z>)^3 or tanh(g <x,z>)."""
    cost: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Strict(False), Field(min_length=1)] = (
        0.01,
        0.1,
        1.0,
        10.0,
    )
    """C, the price of an error beyond 0.1."""
    gamma: Annotated[tuple[Gamma, ...], Strict(False), Field(min_length=1)] = ("scale", "auto", 0.01, 0.1, 1.0, 10.0)
    """g; "auto" is 1 / features, "scale" the same over the variance of the features."""
    iterations: Size | None = None
    """Steps of the solver, at most; what has not converged by then is used as it is. Absent: until it converges."""

    def groups(self) -> list[list[Choice]]:
        """Every combination on its own; a linear kernel has no gamma."""
        return [
            [{"kernel": kernel, "cost": cost, "gamma": gamma}]
            for kernel in self.kernel
            for cost, gamma in product(self.cost, self.gamma[:1] if kernel == "linear" else self.gamma)
        ]

    def regressor(self, choice: Choice, x: Float[np.ndarray, "n F"]) -> Any:
        """`SVR`."""
        from sklearn.svm import SVR

        named = {"scale": 1.0 / (x.shape[1] * (x.var() or 1.0)), "auto": 1.0 / x.shape[1]}
        return SVR(
            kernel=choice["kernel"],
            C=choice["cost"],
            gamma=named.get(choice["gamma"], choice["gamma"]),
            degree=DEGREE,
            max_iter=self.iterations or -1,
        )

    def fitted(self, choice: Choice, sample: Sample) -> list[Any]:
        """A fitted regressor for every channel."""
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():
            # That the solver ended early is what `iterations` asks for.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().fitted(choice, sample)

    def told(self, choice: Choice) -> dict[str, np.ndarray]:
        """The kernel is told by the name of the number."""
        return {f"cost_{choice['kernel']}": np.array(float(choice["cost"]))}

    def arrays(self, regressors: Sequence[Any], sample: Sample) -> Constants:
        """Every event that is a support vector of some channel, and its weight in each."""
        support = np.unique(np.concatenate([regressor.support_ for regressor in regressors]))
        weight = np.zeros((len(support), len(regressors)))
        for channel, regressor in enumerate(regressors):
            weight[np.searchsorted(support, regressor.support_), channel] = regressor.dual_coef_[0]
        return {
            "vectors": sample.x[support].astype(np.float32),
            "weight": weight.astype(np.float32),
            "bias": np.array([regressor.intercept_[0] for regressor in regressors], np.float32),
            "gamma": np.array(float(regressors[0].gamma)),
        }

    def unfitted(self, features: int, channels: int) -> Constants:
        """A single vector without weight."""
        return self.told({"kernel": self.kernel[0], "cost": self.cost[0]}) | {
            "vectors": np.zeros((1, features), np.float32),
            "weight": np.zeros((1, channels), np.float32),
            "bias": np.zeros(channels, np.float32),
            "gamma": np.ones(()),
        }

    def build(self, constants: Constants) -> SupportVectors:
        """The fitted sum."""
        vectors, weight, bias = (jnp.asarray(constants[name]) for name in ("vectors", "weight", "bias"))
        [kernel] = [kernel for kernel in get_args(Kernel) if f"cost_{kernel}" in constants]
        return SupportVectors(vectors, weight, bias, kernel, float(constants["gamma"]))


class SupportVectors(Estimator):
    """See `SupportVectorsConfig`."""

    vectors: Float[Array, "S F"]
    weight: Float[Array, "S R"]
    bias: Float[Array, " R"]
    kernel: Kernel = eqx.field(static=True)
    gamma: float = eqx.field(static=True)

    def __call__(self, x: Float[Array, "B F"]) -> Float[Array, "B R"]:
        """The kernel at every support vector, times its weight, in full float32 on any device."""
        exact = jax.lax.Precision.HIGHEST
        if self.kernel == "rbf":
            columns = range(x.shape[1])
            distance = sum(jnp.square(x[:, None, column] - self.vectors[:, column]) for column in columns)
            kernel = jnp.exp(-self.gamma * jnp.asarray(distance))
        else:
            product = jnp.matmul(x, self.vectors.T, precision=exact)
            if self.kernel == "poly":
                product = (self.gamma * product) ** DEGREE
            kernel = jnp.tanh(self.gamma * product) if self.kernel == "sigmoid" else product
        return jnp.matmul(kernel, self.weight, precision=exact) + self.bias
