"""A table on standard output: ruled on a terminal, plain columns elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def print_table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], alignment: str, notes: Sequence[str]
) -> None:
    """Print it with running text below.

    Args:
        title: headline.
        header: one word per column.
        rows: the cells.
        alignment: `<` or `>` per column.
        notes: paragraphs below the table.
    """
    if sys.stdout.isatty():
        _ruled(title, header, rows, alignment, notes)
        return
    from zoo.cli.columns import columns
    from zoo.report.text import heading, wrapped

    print("\n".join([*heading(title), *columns(header, rows, alignment), ""]))
    print("\n".join(line for note in notes for line in wrapped(note, "")))


def _ruled(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], alignment: str, notes: Sequence[str]
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for word, side in zip(header, alignment, strict=True):
        table.add_column(Text(word), justify="left" if side == "<" else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(highlight=False)
    console.print(table)
    for note in notes:
        console.print(Text(note))
