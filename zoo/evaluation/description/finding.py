"""What is worth saying about a data set before it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

REFUSED = "a run refuses the file; they are left out here"


@dataclass(frozen=True)
class Finding:
    """One line."""

    kind: Literal["problem", "note"]
    """A problem: the data are refused, or numbers come out wrong. A note: it works, within limits that are said."""
    text: str


def problem(text: str) -> Finding:
    """What has to be mended."""
    return Finding("problem", text)


def note(text: str) -> Finding:
    """What has to be known."""
    return Finding("note", text)


def share(part: int, whole: int) -> str:
    """`12 of 3,000 events (0.4 %)`."""
    percent = 100 * part / whole
    return f"{part:,} of {whole:,} events ({percent:.{0 if percent >= 10 else 1 if percent >= 1 else 2}f} %)"


def many(number: int, noun: str, plural: str | None = None) -> str:
    """`no pairs`, `1 pair`, `2 pairs`."""
    return f"{f'{number:,}' if number else 'no'} {noun if number == 1 else plural or f'{noun}s'}"
