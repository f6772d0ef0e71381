"""A plain table for terminals and pipes."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH = 80


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], alignment: str) -> list[str]:
    """Lines of a table, each column as wide as its widest cell; two spaces apart, or one where the line is too long.

    Args:
        header: one word per column.
        rows: the cells.
        alignment: `<` or `>` per column.
    """
    cells = [header, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= WIDTH else " "
    return [
        gap.join(f"{cell:{side}{width}}" for cell, side, width in zip(row, alignment, widths, strict=True)).rstrip()
        for row in cells
    ]
