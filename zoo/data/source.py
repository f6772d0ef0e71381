"""The role of a source of events, and what every `[data]` table may say."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from zoo.catalogue import Config
from zoo.data.events import Events
from zoo.data.unchecked import Unchecked
from zoo.detectors.detector import Detector


class SourceConfig(Config):
    """Config of a source: the `[data]` table of a recipe."""

    split: Literal["by-event", "by-particle"] = "by-event"
    """How the 70/10/20 split is drawn: over events (the papers' rule: test particles also occur in training)
    or over unique particles (test particles are unseen in training)."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Use only the first events of the source; all where absent."""

    @abstractmethod
    def read(self, detector: Detector) -> Events:
        """All events of the source, checked, before `limit`.

        Raises:
            DataError: the events cannot be used; one clear line.
        """

    def events(self, detector: Detector) -> Events:
        """The events of the source after `limit`."""
        events = self.read(detector)
        return events if self.limit is None else events[: self.limit]

    def unchecked(self, detector: Detector) -> Unchecked:
        """The arrays of the source after `limit`, in physical units, for whoever says what is wrong with them.

        A source that has none but checked events gives these.

        Raises:
            DataError: a file is missing or cannot be read at all.
        """
        events = self.events(detector)
        return Unchecked(events.counts, events.particles, events.origin)
