"""A table on standard output: ruled on a terminal, plain columns elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str]) -> None:
    """Print it with running text below.

    Args:
        title: headline.
        header: one word per column.
        rows: the cells; the first column is flush left, the others flush right.
        notes: paragraphs below the table.
    """
    if sys.stdout.isatty():
        _ruled(title, header, rows, notes)
        return
    from zoo.cli.columns import columns
    from zoo.report.text import heading, wrapped

    print("\n".join([*heading(title), *columns(header, rows, "<" + ">" * (len(header) - 1)), ""]))
    print("\n".join(line for note in notes for line in wrapped(note, "")))


def _ruled(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    first, *others = header
    table.add_column(Text(first), overflow="fold", min_width=12)
    for word in others:
        table.add_column(Text(word), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(highlight=False)
    console.print(table)
    for note in notes:
        console.print(Text(note))
