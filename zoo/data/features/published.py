"""The nine standardised columns of the papers."""

from __future__ import annotations

from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from zoo.catalogue import register
from zoo.data.constants import Constants
from zoo.data.features.features import Features, FeaturesConfig
from zoo.detectors.detector import Detector
from zoo.errors import DataError
from zoo.typing import Particles


@register("features", "published")
class PublishedConfig(FeaturesConfig):
    """The detector's condition columns, each standardised on the training split, as in the papers."""

    constant: Literal["error", "zero"] = "error"
    """What to do with a column that does not vary in training: refuse the data, or feed zero."""

    def size(self, detector: Detector) -> int:
        """One feature per condition column."""
        return len(detector.columns)

    def unfitted(self, detector: Detector) -> Constants:
        """Mean 0 and scale 1."""
        return {"mean": np.zeros(self.size(detector)), "scale": np.ones(self.size(detector))}

    def fit(self, detector: Detector, particles: Particles) -> Constants:
        """Mean and population standard deviation of every column.

        Raises:
            DataError: a column is constant and `constant` is "error".
        """
        columns = particles[:, : self.size(detector)]
        mean, scale = columns.mean(axis=0), columns.std(axis=0)
        constant = columns.min(axis=0) == columns.max(axis=0)
        if constant.any() and self.constant == "error":
            named = ", ".join(f"{detector.column_names[i]} = {columns[0, i]:g}" for i in np.flatnonzero(constant))
            raise DataError(
                f"condition column without variance in the training events: {named}; it cannot be standardised "
                '(model.condition = { name = "published", constant = "zero" } feeds zero instead)'
            )
        return {"mean": mean, "scale": np.where(constant, 1.0, scale)}

    def build(self, detector: Detector, constants: Constants) -> Features:
        """The standardised columns."""
        return Standardised(jnp.asarray(constants["mean"], jnp.float32), jnp.asarray(constants["scale"], jnp.float32))


class Standardised(Features):
    """`(column - mean) / scale` of the leading columns; a PDG id in the file is not used."""

    mean: Float[Array, " F"]
    scale: Float[Array, " F"]

    def __call__(self, particles: Float[Array, "B P"]) -> Float[Array, "B F"]:
        """Every column with mean 0 and standard deviation 1 over the training split."""
        return (particles[:, : self.mean.shape[0]] - self.mean) / self.scale
