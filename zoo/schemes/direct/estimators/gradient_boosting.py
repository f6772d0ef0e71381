"""Gradient boosting for each channel."""

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


@register("estimator", "gradient_boosting")
class GradientBoostingConfig(EstimatorConfig):
    """Trees that are added one after the other, each fitted to what is left; the published grid by default."""

    trees: Annotated[tuple[Size, ...], Strict(False), Field(min_length=1)] = (100, 200, 300, 400)
    """Trees per channel; all of these cost no more than the most of them."""
    depth: Annotated[tuple[Size, ...], Strict(False), Field(min_length=1)] = (2, 3, 4, 5, 6)
    """Levels of every tree, at most."""
    rate: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Strict(False), Field(min_length=1)] = (
        0.01,
        0.05,
        0.1,
        0.5,
        1.0,
    )
    """What every tree is multiplied by before it is added."""

    def groups(self) -> list[list[Choice]]:
        """Numbers of trees together: the fewer are the first of the many."""
        return [
            [{"trees": trees, "depth": depth, "rate": rate} for trees in self.trees]
            for depth, rate in product(self.depth, self.rate)
        ]

    def regressor(self, choice: Choice, x: Float[np.ndarray, "n F"]) -> Any:
        """`GradientBoostingRegressor`; of equally good splits it takes the same one every time."""
        from sklearn.ensemble import GradientBoostingRegressor

        del x
        return GradientBoostingRegressor(
            n_estimators=choice["trees"], max_depth=choice["depth"], learning_rate=choice["rate"], random_state=0
        )

    def fitted(self, choice: Choice, sample: Sample) -> list[Any]:
        """A fitted regressor for every channel.

        Events of the same features count as one, with their mean, and their number for a weight. No tree can tell
        them apart, so that the trees are the same; of data with many responses to a particle they are grown far sooner.
        """
        x, group, number = np.unique(sample.x, axis=0, return_inverse=True, return_counts=True)
        means = (np.bincount(group.reshape(-1), weights=channel) / number for channel in sample.y.T)
        return [self.regressor(choice, x).fit(x, mean, sample_weight=number) for mean in means]

    def answers(
        self, group: Sequence[Choice], sample: Sample, x: Float[np.ndarray, "m F"]
    ) -> list[Float[np.ndarray, "m R"]]:
        """What the largest number of trees says on the way to it."""
        most = max(group, key=lambda choice: choice["trees"])
        stages = [list(regressor.staged_predict(x)) for regressor in self.fitted(most, sample)]
        return [np.stack([channel[choice["trees"] - 1] for channel in stages], axis=-1) for choice in group]

    def arrays(self, regressors: Sequence[Any], sample: Sample) -> Constants:
        """The nodes of all trees, and the means they start from."""
        del sample
        return planted(
            [[tree.tree_ for tree in regressor.estimators_[:, 0]] for regressor in regressors],
            [regressor.init_.constant_.item() for regressor in regressors],
            regressors[0].learning_rate,
        )

    def unfitted(self, features: int, channels: int) -> Constants:
        """A tree of a single leaf."""
        del features
        return self.told({"trees": 1, "depth": self.depth[0], "rate": self.rate[0]}) | stump(channels)

    def build(self, constants: Constants) -> Forest:
        """The grown trees."""
        return Forest.of(constants)
