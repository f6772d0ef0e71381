"""The roles of a metric that a recipe or a detector adds to the protocol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Float, Shaped
from pydantic import TypeAdapter

from zoo.catalogue import Config, OneOf, components
from zoo.errors import ComponentError

if TYPE_CHECKING:
    from zoo.detectors.detector import Detector


class Metric(ABC):
    """A number that says how far generated responses are from simulated ones.

    Of every generated response, beside the simulated one to the same particle, a few numbers are kept; of these comes
    the metric of a whole set.
    """

    matched: ClassVar[bool]
    """Whether responses are compared one to one, so that it means nothing for responses to different particles."""
    figure: str | None = None
    """The published figure it is to be read beside."""

    @property
    @abstractmethod
    def about(self) -> str:
        """What a reader must know to compare the number with others, in one sentence."""

    @abstractmethod
    def keep(
        self,
        truth: Shaped[np.ndarray, "n H W"],
        generated: Shaped[np.ndarray, "n H W"],
        particles: Float[np.ndarray, "n P"],
    ) -> Float[np.ndarray, "n ..."]:
        """What is kept of generated responses."""

    @abstractmethod
    def distance(self, kept: Float[np.ndarray, "n ..."], own: Float[np.ndarray, "m ..."]) -> float | None:
        """The metric of a set of responses, from what is kept of them and of simulated ones; None: there is none."""


class PairMetric(Metric):
    """A distance between two responses to the same particle, averaged over events."""

    matched = True

    @abstractmethod
    def __call__(
        self, first: Shaped[np.ndarray, "n H W"], second: Shaped[np.ndarray, "n H W"]
    ) -> Float[np.ndarray, " n"]:
        """The distance of every response from another one to the same particle; 0 for equal ones."""

    def keep(
        self,
        truth: Shaped[np.ndarray, "n H W"],
        generated: Shaped[np.ndarray, "n H W"],
        particles: Float[np.ndarray, "n P"],
    ) -> Float[np.ndarray, " n"]:
        """The distance itself."""
        del particles
        return self(truth, generated)

    def distance(self, kept: Float[np.ndarray, " n"], own: Float[np.ndarray, " m"]) -> float:
        """Mean over events."""
        del own
        return float(kept.mean())


class SetMetric(Metric):
    """A distance between two sets of responses, from a few numbers of each response."""

    matched = False

    @abstractmethod
    def observe(
        self, responses: Shaped[np.ndarray, "n H W"], particles: Float[np.ndarray, "n P"]
    ) -> Float[np.ndarray, "n D"]:
        """The numbers of every response."""

    def keep(
        self,
        truth: Shaped[np.ndarray, "n H W"],
        generated: Shaped[np.ndarray, "n H W"],
        particles: Float[np.ndarray, "n P"],
    ) -> Float[np.ndarray, "n D"]:
        """The numbers of the generated responses."""
        del truth
        return self.observe(generated, particles)


class AbsentMetric(PairMetric):
    """Stands where a metric would, had what it needs been installed."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    @property
    def about(self) -> str:
        """Why there is none."""
        return f"Absent: {self._reason}."

    def __call__(
        self, first: Shaped[np.ndarray, "n H W"], second: Shaped[np.ndarray, "n H W"]
    ) -> Float[np.ndarray, " n"]:
        """Nothing, event by event."""
        del second
        return np.zeros(len(first))

    def distance(self, kept: Float[np.ndarray, " n"], own: Float[np.ndarray, " m"]) -> None:
        """None."""
        del kept, own


class MetricConfig(Config):
    """Config of a metric."""

    figure: ClassVar[str | None] = None
    """What published figures call it, where that is not its own name: a key of `published.metrics`."""

    @abstractmethod
    def build(self, detector: Detector) -> Metric:
        """The metric for responses of a detector.

        Raises:
            ComponentError: such responses cannot be compared, or what the metric needs is not installed.
        """


def build_metrics(configs: Iterable[MetricConfig] | None, detector: Detector) -> dict[str, Metric]:
    """Name to metric, of those that a recipe lists, or where it lists none (None) of the detector's own.

    A metric that the recipe asks for and that cannot be had is refused. One of the detector's own is told as absent.

    Raises:
        ComponentError: a metric is listed twice, or one of the recipe's cannot be built.
    """
    metrics: dict[str, Metric] = {}
    for config in _of_detector(detector) if configs is None else configs:
        name = config.component
        if name in metrics:
            raise ComponentError(f"metric {name!r} is listed twice")
        try:
            metrics[name] = config.build(detector)
        except ComponentError as error:
            if configs is not None:
                raise
            metrics[name] = AbsentMetric(str(error))
        metrics[name].figure = config.figure or name
    return metrics


def metric_configs() -> dict[str, type[MetricConfig]]:
    """Name to config of every metric of the catalogue."""
    return {name: config for name, config in components("metric").items() if issubclass(config, MetricConfig)}


def _of_detector(detector: Detector) -> tuple[MetricConfig, ...]:
    listed: TypeAdapter[Any] = TypeAdapter(tuple[Annotated[MetricConfig, OneOf("metric")], ...])
    return listed.validate_python(detector.metrics)
