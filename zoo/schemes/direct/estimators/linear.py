"""Linear regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from zoo.catalogue import register
from zoo.data.constants import Constants
from zoo.schemes.direct.estimators.estimator import Choice, Estimator, EstimatorConfig, Sample


@register("estimator", "linear")
class LinearConfig(EstimatorConfig):
    """Ordinary least squares; there is nothing to choose."""

    def groups(self) -> list[list[Choice]]:
        """The only one."""
        return [[{}]]

    def regressor(self, choice: Choice, x: Float[np.ndarray, "n F"]) -> Any:
        """`LinearRegression`."""
        from sklearn.linear_model import LinearRegression

        del choice, x
        return LinearRegression()

    def arrays(self, regressors: Sequence[Any], sample: Sample) -> Constants:
        """Weights and biases."""
        del sample
        return {
            "weight": np.stack([regressor.coef_ for regressor in regressors], axis=-1),
            "bias": np.array([regressor.intercept_ for regressor in regressors]),
        }

    def unfitted(self, features: int, channels: int) -> Constants:
        """Zero."""
        return {"weight": np.zeros((features, channels)), "bias": np.zeros(channels)}

    def build(self, constants: Constants) -> LinearEstimator:
        """The fitted plane."""
        return LinearEstimator(*(jnp.asarray(constants[name], jnp.float32) for name in ("weight", "bias")))


class LinearEstimator(Estimator):
    """See `LinearConfig`."""

    weight: Float[Array, "F R"]
    bias: Float[Array, " R"]

    def __call__(self, x: Float[Array, "B F"]) -> Float[Array, "B R"]:
        """The matrix product in full float32, on any device."""
        return jnp.matmul(x, self.weight, precision=jax.lax.Precision.HIGHEST) + self.bias
