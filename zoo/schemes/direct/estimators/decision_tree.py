"""A decision tree for each channel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float
from pydantic import Field, Strict

from zoo.catalogue import register
from zoo.data.constants import Constants
from zoo.schemes.direct.estimators.estimator import Choice, EstimatorConfig, Sample, Size
from zoo.schemes.direct.estimators.forest import Forest, planted, stump


@register("estimator", "decision_tree")
class DecisionTreeConfig(EstimatorConfig):
    """One regression tree per channel, grown by the squared error; the published grid by default."""

    depth: Annotated[tuple[Size, ...], Strict(False), Field(min_length=1)] = (5, 10, 15, 20, 25)
    """Levels of the tree, at most."""
    split: Annotated[tuple[Annotated[int, Field(ge=2)], ...], Strict(False), Field(min_length=1)] = (2, 4, 8, 16, 32)
    """Events that a node needs to be split."""
    leaf: Annotated[tuple[Size, ...], Strict(False), Field(min_length=1)] = (1, 2, 4, 8, 16)
    """Events that a leaf needs."""

    def groups(self) -> list[list[Choice]]:
        """Every combination on its own."""
        return [
            [{"depth": depth, "split": split, "leaf": leaf}]
            for depth, split, leaf in product(self.depth, self.split, self.leaf)
        ]

    def regressor(self, choice: Choice, x: Float[np.ndarray, "n F"]) -> Any:
        """`DecisionTreeRegressor`; of equally good splits it takes the same one every time."""
        from sklearn.tree import DecisionTreeRegressor

        del x
        return DecisionTreeRegressor(
            max_depth=choice["depth"],
            min_samples_split=choice["split"],
            min_samples_leaf=choice["leaf"],
            random_state=0,
        )

    def arrays(self, regressors: Sequence[Any], sample: Sample) -> Constants:
        """The nodes of all trees."""
        del sample
        return planted([[regressor.tree_] for regressor in regressors], [0.0] * len(regressors))

    def unfitted(self, features: int, channels: int) -> Constants:
        """Trees of a single leaf."""
        del features
        return self.told({"depth": self.depth[0], "split": self.split[0], "leaf": self.leaf[0]}) | stump(channels)

    def build(self, constants: Constants) -> Forest:
        """The grown trees."""
        return Forest.of(constants)
