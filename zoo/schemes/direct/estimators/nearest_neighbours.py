"""The mean over the nearest training events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.catalogue import register
from zoo.data.constants import Constants
from zoo.errors import DataError
from zoo.schemes.direct.estimators.estimator import Choice, Estimator, EstimatorConfig, Sample, Size


@register("estimator", "nearest_neighbours")
class NearestNeighboursConfig(EstimatorConfig):
    """The mean over the training events with the nearest features; the published grid by default.

    Of events that are equally far, as those of one particle are, the first of the training split count.
    """

    neighbours: Annotated[tuple[Size, ...], Strict(False), Field(min_length=1)] = (3, 5, 10, 15, 20, 25)
    """Training events that are averaged."""

    def groups(self) -> list[list[Choice]]:
        """Every number on its own."""
        return [[{"neighbours": number}] for number in self.neighbours]

    def regressor(self, choice: Choice, x: Float[np.ndarray, "n F"]) -> Any:
        """`KNeighborsRegressor`.

        Raises:
            DataError: there are fewer events than neighbours.
        """
        from sklearn.neighbors import KNeighborsRegressor

        if choice["neighbours"] > len(x):
            raise DataError(
                f"estimator 'nearest_neighbours': {choice['neighbours']} neighbours among {len(x)} events; "
                "name fewer in `neighbours`"
            )
        return KNeighborsRegressor(choice["neighbours"])

    def arrays(self, regressors: Sequence[Any], sample: Sample) -> Constants:
        """The events themselves."""
        del regressors
        return {"x": sample.x.astype(np.float32), "y": sample.y.astype(np.float32)}

    def unfitted(self, features: int, channels: int) -> Constants:
        """A single event."""
        return self.told({"neighbours": 1}) | {
            "x": np.zeros((1, features), np.float32),
            "y": np.zeros((1, channels), np.float32),
        }

    def build(self, constants: Constants) -> Neighbours:
        """The memory of the training events."""
        return Neighbours(*(jnp.asarray(constants[name]) for name in "xy"), number=int(constants["neighbours"]))


class Neighbours(Estimator):
    """See `NearestNeighboursConfig`."""

    x: Float[Array, "N F"]
    y: Float[Array, "N R"]
    number: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, "B F"]) -> Float[Array, "B R"]:
        """The mean over the `number` nearest events in Euclidean distance."""
        # Differences column by column: products would not see that two particles are the same.
        distance = sum(jnp.square(x[:, None, column] - self.x[:, column]) for column in range(x.shape[1]))
        _, nearest = jax.lax.top_k(-jnp.asarray(distance), self.number)
        return jnp.mean(self.y[nearest], axis=1)
