"""The role of a source of events, and what every `[data]` table may say."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from zoo.catalogue import Config
from zoo.data.aim import misses, missing_line
from zoo.data.events import Events
from zoo.data.unchecked import Unchecked
from zoo.detectors.detector import Detector
from zoo.errors import DataError


class SourceConfig(Config):
    """Config of a source: the `[data]` table of a recipe."""

    split: Literal["by-event", "by-particle"] = "by-event"
    """How the 70/10/20 split is drawn: over events (the papers' rule: test particles also occur in training)
    or over unique particles (test particles are unseen in training)."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Use only the first events of the source; all where absent."""

    off_face: Literal["warn", "refuse", "drop", "accept"] | None = None
    """Events whose particle is aimed beside the front face: counted in a line of the run, refused, left out, or taken
    without a word. Absent: "warn"."""

    @abstractmethod
    def read(self, detector: Detector) -> Events:
        """All events of the source, checked, before `limit`.

        Raises:
            DataError: the events cannot be used; one clear line.
        """

    def events(self, detector: Detector) -> Events:
        """The events of the source after `limit`, and without those that `off_face` leaves out.

        Raises:
            DataError: the events cannot be used, or some of their particles miss the face and may not.
        """
        events = self.read(detector)
        events = events if self.limit is None else events[: self.limit]
        if self.off_face == "refuse" and (line := missing_line(events, detector)) is not None:
            raise DataError(f'{line} (data.off_face = "refuse")')
        if self.off_face != "drop":
            return events
        past = misses(events.particles, detector)
        if past.all():
            raise DataError(f'{events.origin}: all particles miss the front face (data.off_face = "drop")')
        return events[~past] if past.any() else events

    def warning(self, events: Events, detector: Detector) -> str | None:
        """What is to be said of the particles that miss the face; None for nothing."""
        return missing_line(events, detector) if self.off_face in (None, "warn") else None

    def unchecked(self, detector: Detector) -> Unchecked:
        """The arrays of the source after `limit`, in physical units, for whoever says what is wrong with them.

        A source that has none but checked events gives these.

        Raises:
            DataError: a file is missing or cannot be read at all.
        """
        events = self.events(detector)
        return Unchecked(events.counts, events.particles, events.origin)
