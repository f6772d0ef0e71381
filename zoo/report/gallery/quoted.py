"""The figures of a paper's table, below what the zoo measured of the same models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zoo.report.gallery.entry import Entry, Measured


@dataclass(frozen=True)
class Column:
    """A figure of the paper."""

    figure: str
    metrics: Sequence[str]
    """What the zoo measured that it may be of: several, where the paper does not define it; none, where it did not."""


@dataclass(frozen=True)
class Quoted:
    """A table of models whose recipes quote a paper."""

    columns: Sequence[Column]
    entries: Sequence[Entry]
    timed: bool
    """Whether the paper's time of 10,240 responses is quoted."""

    @property
    def floors(self) -> list[tuple[str, list[Measured | None]]]:
        """How far GEANT's events are from each other, a cell per metric; only the kinds that these events have."""
        kinds = {"same particle": Entry.floor, "random halves": Entry.half}
        rows = [(kind, self._cells(of)) for kind, of in kinds.items()]
        return [(kind, cells) for kind, cells in rows if any(cells)]

    def _cells(self, of: Callable[[Entry, str], Measured | None]) -> list[Measured | None]:
        """Of the closest model that knows."""
        names = [name for column in self.columns for name in column.metrics or [""]]
        return [next((found for entry in self.entries if (found := of(entry, name))), None) for name in names]


def quoted(entries: Sequence[Entry]) -> Quoted | None:
    """The table of a leaderboard, in its order; None where no recipe quotes metrics beside the protocol's.

    Columns stand in the order in which the cards have the metrics, what none of them measured comes last.
    """
    quoting = [entry for entry in entries if entry.figures]
    if not quoting:
        return None
    figures = list(dict.fromkeys(figure for entry in quoting for figure in entry.figures))
    names = {
        figure: list(dict.fromkeys(name for entry in quoting for name in entry.of_figure(figure))) for figure in figures
    }
    order = list(dict.fromkeys(name for entry in quoting for name in entry.declared))
    figures.sort(key=lambda figure: order.index(names[figure][0]) if names[figure] else len(order))
    timed = any(entry.published.get("seconds_10240") is not None for entry in quoting)
    return Quoted([Column(figure, names[figure]) for figure in figures], quoting, timed)
