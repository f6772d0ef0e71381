"""How numbers are written: as many digits as they carry, never more."""

from __future__ import annotations

import math

DIGITS = 4
"""Significant digits of a value beside its uncertainty, at most."""

DECIMALS = 4
"""Digits after the point, at most."""

SMALL, LARGE = 1e-3, 1e6
"""Numbers below and from here on are written with an exponent."""


def number(value: float, digits: int = 3) -> str:
    """A number on its own, with some significant digits: `0.0123`, `1.23`, `123`, `12,300`, `1.2e+06`."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    if not SMALL <= abs(value) < LARGE:
        return f"{value:.1e}"
    return _fixed(value, min(digits - 1 - _magnitude(value, digits), DECIMALS))


def whole(value: float) -> str:
    """A count without decimals: `0`, `83`, `12,300`."""
    return f"{value:,.0f}" if abs(value) < LARGE else number(value)


def with_spread(mean: float, spread: float) -> str:
    """`2.31 ± 0.12`: the spread with two significant digits, the mean to the same decimal; no ± without a spread."""
    if spread <= 0:
        return number(mean)
    if not SMALL <= max(abs(mean), spread) < LARGE:
        return f"{number(mean)} ± {number(spread, 2)}"
    places = _places(mean, spread)
    return f"{_fixed(mean, places)} ± {_fixed(spread, places)}"


def span(low: float, high: float) -> str:
    """`[2.10, 2.55]`: an interval, to the second significant digit of its half width."""
    largest = max(abs(low), abs(high))
    if low >= high or not SMALL <= largest < LARGE:
        return f"[{number(low)}, {number(high)}]"
    places = _places(largest, (high - low) / 2)
    return f"[{_fixed(low, places)}, {_fixed(high, places)}]"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `4 h 12 min`."""
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def count(many: int, noun: str, plural: str | None = None) -> str:
    """`1 event`, `2,113 events`; with `plural` for nouns like entry, entries."""
    return f"{many:,} {noun if many == 1 else plural or f'{noun}s'}"


def _places(value: float, uncertainty: float) -> int:
    """Decimals that show two significant digits of the uncertainty, unless the value has too many then."""
    return min(1 - _magnitude(uncertainty, 2), DIGITS - 1 - _magnitude(value, DIGITS) if value else DECIMALS, DECIMALS)


def _magnitude(value: float, digits: int) -> int:
    """Power of ten of the first digit of a number rounded to some digits."""
    return int(f"{abs(value):.{digits - 1}e}".partition("e")[2])


def _fixed(value: float, places: int) -> str:
    """Fixed point; a negative number of places rounds to tens, hundreds, ..."""
    return f"{round(value, places):,.{max(places, 0)}f}"
