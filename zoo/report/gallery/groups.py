"""Models that can be compared: of the same detector, trained and tested on events of the same origin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from zoo.report.gallery.entry import Entry
from zoo.report.gallery.pareto import drawable, pareto_front


@dataclass(frozen=True)
class Group:
    """One leaderboard."""

    detector: str
    origin: str
    entries: Sequence[Entry]
    """The closest to GEANT first, those without a distance last."""

    @property
    def slug(self) -> str:
        """What it is called in addresses and file names."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.detector}-{self.origin}".lower()).strip("-")

    @property
    def unit(self) -> str:
        """What responses count, in the singular."""
        return self.entries[0].unit

    @property
    def best(self) -> Entry | None:
        """The converged model of whole responses that is closest to GEANT."""
        found = [entry for entry in self.entries if entry.whole and entry.converged]
        return found[0] if found and found[0].metric("wasserstein") is not None else None

    @property
    def front(self) -> Sequence[Entry]:
        """The models of whole responses that no other one beats in both time and distance, the fastest first."""
        return pareto_front(self.entries)

    @property
    def drawn(self) -> Sequence[Entry]:
        """Those that have a place in the picture."""
        return drawable(self.entries)

    @property
    def test_events(self) -> Sequence[int]:
        """How many events the models were tested on; several numbers where that differs."""
        counts = {entry.card.number("evaluated", "events") for entry in self.entries}
        return sorted(int(count) for count in counts if count is not None)


def groups(entries: Sequence[Entry]) -> list[Group]:
    """The leaderboards: those with the most models first."""
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        found.setdefault((entry.detector, entry.origin), []).append(entry)
    order = sorted(found, key=lambda key: (-len(found[key]), key))
    return [Group(*key, sorted(found[key], key=_closeness)) for key in order]


def _closeness(entry: Entry) -> tuple[bool, float, str]:
    distance = entry.metric("wasserstein")
    return distance is None, 0.0 if distance is None else distance.mean, entry.name
