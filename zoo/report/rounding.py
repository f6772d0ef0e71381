"""How numbers are written: as many digits as they carry, never more."""

from __future__ import annotations

import math

DIGITS = 4
"""Significant digits of a value, at most."""

LARGE = 1e6
"""From here on numbers are written with an exponent."""


def number(value: float, digits: int = 3) -> str:
    """A number on its own, with some significant digits: `0.0123`, `1.23`, `123`, `12,300`."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= LARGE:
        return f"{value:.1e}"
    return _fixed(value, digits - 1 - _magnitude(value, digits)) if value else "0"


def whole(value: float) -> str:
    """A number of photons without decimals: `0`, `83`, `12,300`."""
    return number(value) if not abs(value) < LARGE else f"{value:,.0f}"


def with_spread(mean: float, spread: float) -> str:
    """`2.31 ± 0.12`: the spread with two significant digits, the mean to the same decimal; no ± without a spread."""
    if spread <= 0:
        return number(mean)
    if not (math.isfinite(mean) and math.isfinite(spread)) or max(abs(mean), spread) >= LARGE:
        return f"{number(mean)} ± {number(spread, 2)}"
    places = _places(spread, mean)
    return f"{_fixed(mean, places)} ± {_fixed(spread, places)}"


def span(low: float, high: float) -> str:
    """`[2.10, 2.55]`: an interval to the second significant digit of its half width."""
    if not (math.isfinite(low) and math.isfinite(high)) or max(abs(low), abs(high)) >= LARGE:
        return f"[{number(low)}, {number(high)}]"
    places = _places((high - low) / 2, max(abs(low), abs(high)))
    return f"[{_fixed(low, places)}, {_fixed(high, places)}]"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `4 h 12 min`."""
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def count(many: int, noun: str, plural: str | None = None) -> str:
    """`1 event`, `2,113 events`."""
    return f"{many:,} {noun if many == 1 else plural or noun + 's'}"


def _places(uncertainty: float, value: float) -> int:
    """Decimals that show two significant digits of the uncertainty and at most `DIGITS` of the value."""
    most = DIGITS - 1 - _magnitude(value, DIGITS) if value else DIGITS
    return min(1 - _magnitude(uncertainty, 2), most) if uncertainty > 0 else most if value else 0


def _magnitude(value: float, digits: int) -> int:
    """Power of ten of the first digit once the value is rounded to some digits; 0 for zero."""
    return int(f"{abs(value):.{digits - 1}e}".partition("e")[2]) if value else 0


def _fixed(value: float, places: int) -> str:
    return f"{round(value, places):,.{max(places, 0)}f}"
