"""Plain text for terminals and pipes: aligned tables and wrapped lines of at most 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

WIDTH = 80
"""Columns of a line, at most."""

INDENT = "  "
GAP = 3


def heading(text: str) -> list[str]:
    """A line of text above a rule."""
    return [*wrapped(text, ""), "-" * WIDTH]


def wrapped(text: str, indent: str = INDENT, hanging: str | None = None) -> list[str]:
    """Running text, broken between words; further lines are indented by `hanging`."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent if hanging is None else hanging,
        break_on_hyphens=False,
    )  # fmt: skip


def listing(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Names beside their texts; long texts go on below themselves."""
    width = max(len(name) for name, _ in rows) + GAP
    lines = []
    for name, text in rows:
        lines += wrapped(text, f"{INDENT}{name:<{width}}", INDENT + " " * width)
    return lines


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell: the first flush left, the others flush right."""
    cells = [header, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    room = WIDTH - len(INDENT) - sum(widths)
    gap = " " * max(1, min(GAP, room // max(1, len(widths) - 1)))
    lines = []
    for row in cells:
        first, *others = (f"{cell:{'>' if column else '<'}{widths[column]}}" for column, cell in enumerate(row))
        lines.append((INDENT + gap.join([first, *others])).rstrip())
    return lines
