"""The role of a metric that a recipe adds to the protocol: it compares two responses to the same particle."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Shaped

from zoo.catalogue import Config
from zoo.errors import ComponentError


class Metric(ABC):
    """A distance between responses that are matched one to one."""

    @property
    @abstractmethod
    def about(self) -> str:
        """What a reader must know to compare the number with others, in one sentence."""

    @abstractmethod
    def __call__(
        self, first: Shaped[np.ndarray, "n H W"], second: Shaped[np.ndarray, "n H W"]
    ) -> Float[np.ndarray, " n"]:
        """The distance of every response from another one to the same particle, both in photons; 0 for equal ones."""


class MetricConfig(Config):
    """Config of a metric."""

    @abstractmethod
    def build(self, shape: tuple[int, ...]) -> Metric:
        """The metric for responses of a shape.

        Raises:
            ComponentError: such responses cannot be compared, or what the metric needs is not installed.
        """


def build_metrics(configs: Iterable[MetricConfig] | None, shape: tuple[int, ...]) -> dict[str, Metric]:
    """Name to metric, of those that a recipe adds for responses of a shape; None for a recipe that adds none.

    Raises:
        ComponentError: a metric is listed twice, or cannot be built.
    """
    metrics: dict[str, Metric] = {}
    for config in configs or ():
        if config.component in metrics:
            raise ComponentError(f"metric {config.component!r} is listed twice")
        metrics[config.component] = config.build(shape)
    return metrics
