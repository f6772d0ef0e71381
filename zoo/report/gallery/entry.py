"""What the gallery knows of one model: the numbers of its card by short names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.report.published import named
from zoo.report.tables import METRICS, OBSERVABLES
from zoo.shelf.card import Card

PROTOCOL = (*METRICS, *OBSERVABLES, "diversity")
"""The numbers that every evaluation has."""

RESPONSES = "response"
"""The target of a model that generates whole responses."""


@dataclass(frozen=True)
class Measured:
    """A number with its spread over repeats and, where known, its 95 % interval."""

    mean: float
    std: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Entry:
    """A model as tables and pictures want it; None where the card does not say."""

    card: Card

    @property
    def name(self) -> str:
        """What it is called on the shelf."""
        return self.card.name

    @property
    def detector(self) -> str:
        """The calorimeter it stands for."""
        return str(self.card.table["detector"])

    @property
    def origin(self) -> str:
        """Where the events came from that it was trained and tested on."""
        return self.card.text("data", "origin") or "unknown events"

    @property
    def scheme(self) -> str:
        """The framework, in words."""
        return str(self.card.table["scheme"]).replace("_", " ")

    @property
    def unit(self) -> str:
        """What responses count, in the singular."""
        return self.card.text("unit") or "photon"

    @property
    def whole(self) -> bool:
        """Whether it generates responses, not channel sums alone."""
        return self.card.table.get("target", RESPONSES) == RESPONSES

    @property
    def converged(self) -> bool:
        """False for the last good weights of a training that diverged."""
        return self.card.table.get("converged") is not False

    @property
    def parameters(self) -> int | None:
        """Of all stages together."""
        count = self.card.number("parameters")
        return None if count is None else int(count)

    @property
    def device(self) -> str:
        """What its time was measured on."""
        return self.card.text("timing", "device") or self.card.text("device") or "a device that is not named"

    @property
    def milliseconds(self) -> float | None:
        """Time per response in batches."""
        return self.card.number("time_per_sample_ms")

    @property
    def time_range(self) -> tuple[float, float] | None:
        """The shortest and the longest measurement of that time, where it is known which they are."""
        for name, timing in self._table("timing").items():
            if name != "batch_1" and isinstance(timing, Mapping) and timing.get("median") == self.milliseconds:
                return timing["min"], timing["max"]
        return None

    @property
    def timings(self) -> Sequence[Mapping[str, Any]]:
        """All measurements of the time per response: batch size, median, shortest and longest."""
        timings = self._table("timing").values()
        return [timing for timing in timings if isinstance(timing, Mapping) and "median" in timing]

    @property
    def seconds_10240(self) -> float | None:
        """Time of 10,240 responses by the protocol of the FoCal paper, where its recipe quotes that paper."""
        return self.card.number("timing", "seconds_10240", "seconds")

    @property
    def training_seconds(self) -> float | None:
        """All stages together."""
        known = [stage["seconds"] for stage in self._table("stages").values() if "seconds" in stage]
        return sum(known) if known else None

    @property
    def fitted(self) -> bool:
        """Whether no stage was trained step by step."""
        steps = [stage.get("steps") for stage in self._table("stages").values()]
        return bool(steps) and not any(steps)

    @property
    def published(self) -> Mapping[str, Any]:
        """The figures its recipe names, measured by others on other data; empty where it names none."""
        return self._table("published")

    @property
    def figures(self) -> Mapping[str, float]:
        """Those of metrics beside the protocol's, by what the paper calls them."""
        return self.published.get("metrics") or {}

    @property
    def declared(self) -> Mapping[str, str]:
        """Metrics beside the protocol's, of the recipe or the detector, with what they are about."""
        metrics = self._table("metrics").items()
        return {name: (found or {}).get("about", "") for name, found in metrics if name not in PROTOCOL}

    @property
    def ranges(self) -> Mapping[str, Sequence[float]]:
        """Condition column to the least and greatest value of the training, in the order of the columns."""
        return self._table("data").get("ranges") or {}

    def of_figure(self, figure: str) -> list[str]:
        """The metrics that a published figure may be of."""
        return named(self._table("metrics"), figure)

    def quoted(self, name: str) -> float | None:
        """The published figure that a metric may be compared with."""
        return self.figures.get((self._table("metrics").get(name) or {}).get("published_as", ""))

    def half(self, name: str) -> Measured | None:
        """A distance of random halves of GEANT's events, with other particles in each."""
        return _measured(_within(self._table("floor"), "random_halves", name))

    def metric(self, name: str) -> Measured | None:
        """A distance to GEANT."""
        return _measured(self._table("metrics").get(name))

    def floor(self, name: str) -> Measured | None:
        """The same of GEANT to itself."""
        return _measured(_within(self._table("floor"), "repeats", name))

    def in_floors(self, name: str) -> float | None:
        """A distance over its floor."""
        return self.card.number("metrics", name, "in_floors")

    def spread(self, *keys: str) -> Mapping[str, Any] | None:
        """How varied responses to the same particle are, over GEANT's."""
        return _within(self._table("metrics"), "diversity", *keys)

    def _table(self, name: str) -> Mapping[str, Any]:
        return self.card.table.get(name) or {}


def _within(table: Any, *keys: str) -> Any:
    for key in keys:
        table = table.get(key) if isinstance(table, Mapping) else None
    return table


def _measured(found: Any) -> Measured | None:
    if not isinstance(found, Mapping) or found.get("mean") is None:
        return None
    interval = found.get("interval")
    return Measured(float(found["mean"]), float(found.get("std") or 0.0), tuple(interval) if interval else None)
