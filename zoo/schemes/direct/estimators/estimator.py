"""The role of an estimator: fitted by scikit-learn, kept as arrays, evaluated on the device."""

from __future__ import annotations

import importlib.util
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple, Self

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import Config
from zoo.data.constants import Constants
from zoo.errors import ComponentError

EXTRA = "pip install 'calozoo[classical]'"

Choice = Mapping[str, Any]
"""Hyper-parameter to one value of its grid."""

Size = Annotated[int, Field(ge=1, le=1_000_000)]


class Sample(NamedTuple):
    """What an estimator learns from, in model space."""

    x: Float[np.ndarray, "n F"]
    """Condition features."""
    y: Float[np.ndarray, "n R"]
    """Channel sums."""

    def part(self, rows: np.ndarray) -> Self:
        """Some of the events."""
        return self._replace(x=self.x[rows], y=self.y[rows])


class Estimator(eqx.Module):
    """A fitted estimator."""

    @abstractmethod
    def __call__(self, x: Float[Array, "B F"]) -> Float[Array, "B R"]:
        """Channel sums in model space from condition features, float32."""


class EstimatorConfig(Config):
    """Config of an estimator: its hyper-parameters, each as the values to choose from."""

    @abstractmethod
    def groups(self) -> list[list[Choice]]:
        """All combinations of the hyper-parameters; those that one fit answers for stand together."""

    @abstractmethod
    def regressor(self, choice: Choice, x: Float[np.ndarray, "n F"]) -> Any:
        """scikit-learn's regressor of a single channel, not yet fitted to the features `x`.

        Raises:
            DataError: there are too few events for these hyper-parameters.
        """

    @abstractmethod
    def arrays(self, regressors: Sequence[Any], sample: Sample) -> Constants:
        """Regressors, fitted to the channels of a sample, as arrays; those of a single number are told."""

    @abstractmethod
    def unfitted(self, features: int, channels: int) -> Constants:
        """Arrays, and the choice, of an estimator that knows nothing."""

    @abstractmethod
    def build(self, constants: Constants) -> Estimator:
        """The estimator of what `fit` or `unfitted` returned."""

    def fit(self, choice: Choice, sample: Sample) -> Constants:
        """The estimator fitted to every channel with one choice of its hyper-parameters, which are told.

        Raises:
            DataError: there are too few events.
        """
        return self.told(choice) | dict(self.arrays(self.fitted(choice, sample), sample))

    def told(self, choice: Choice) -> dict[str, np.ndarray]:
        """The choice as constants of a single number each: those are what the result of a run tells."""
        return {name: np.array(float(value)) for name, value in choice.items()}

    def answers(
        self, group: Sequence[Choice], sample: Sample, x: Float[np.ndarray, "m F"]
    ) -> list[Float[np.ndarray, "m R"]]:
        """What each choice of a group, fitted to a sample, says of other features."""
        return [
            np.stack([regressor.predict(x) for regressor in self.fitted(choice, sample)], axis=-1) for choice in group
        ]

    def fitted(self, choice: Choice, sample: Sample) -> list[Any]:
        """A fitted regressor for every channel."""
        return [self.regressor(choice, sample.x).fit(sample.x, channel) for channel in sample.y.T]


def need_scikit_learn(what: str) -> None:
    """Refuse in one line where scikit-learn is not installed.

    Raises:
        ComponentError: it is not.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise ComponentError(f"{what}: scikit-learn is an extra that is not installed: {EXTRA}")
