"""Standardisation, entry by entry."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from zoo.catalogue import register
from zoo.data.constants import Constants
from zoo.data.transforms.transform import Transform, TransformConfig
from zoo.errors import DataError
from zoo.typing import Key


@register("transform", "standardise")
class StandardiseConfig(TransformConfig):
    """Mean 0 and standard deviation 1 for every entry, fitted on the training split."""

    def unfitted(self, shape: tuple[int, ...]) -> Constants:
        """Mean 0 and scale 1."""
        return {"mean": np.zeros(shape), "scale": np.ones(shape)}

    def fit(self, sample: Float[np.ndarray, "N *shape"]) -> Constants:
        """Mean and population standard deviation over events.

        Raises:
            DataError: an entry does not vary over the training events.
        """
        constant = sample.min(axis=0) == sample.max(axis=0)
        if constant.any():
            entry = tuple(int(i) for i in np.argwhere(constant)[0])
            raise DataError(f"transform 'standardise': entry {entry} of the target is constant in the training events")
        return {"mean": sample.mean(axis=0, dtype=np.float64), "scale": sample.std(axis=0, dtype=np.float64)}

    def build(self, constants: Constants) -> Transform:
        """The transform with its constants."""
        return Standardise(jnp.asarray(constants["mean"], jnp.float32), jnp.asarray(constants["scale"], jnp.float32))


class Standardise(Transform):
    """See `StandardiseConfig`."""

    mean: Float[Array, "*shape"]
    scale: Float[Array, "*shape"]

    def forward(self, x: Float[Array, "B *shape"], key: Key) -> Float[Array, "B *shape"]:
        """To mean 0 and standard deviation 1."""
        del key
        return (x - self.mean) / self.scale

    def inverse(self, x: Float[Array, "B *shape"]) -> Float[Array, "B *shape"]:
        """Back to the mean and scale of the training events."""
        return x * self.scale + self.mean
