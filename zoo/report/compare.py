"""Models of the shelf side by side: a column per model, as many as fit beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from zoo.report.published import METRICS, OTHER_DATA, named
from zoo.report.rounding import duration, number, with_spread
from zoo.report.tables import OBSERVABLES, SPREADS, of_unit
from zoo.report.text import GAP, INDENT, WIDTH, heading, listing, wrapped

NONE = "-"

CONVERGED = {"True": "yes", "False": "NO"}

PUBLISHED = "published, other data"

BESIDE = f"  {PUBLISHED}"
"""The label of a figure below what the zoo measured of the same."""

Table = Mapping[str, Any]

Row = tuple[str, list[str]]
"""A label, and a cell per model."""


def comparison(tables: Sequence[Table]) -> str:
    """What cards say, as text of at most 80 columns; a distance stands above its floor and the published figure.

    Args:
        tables: the cards, one for each model.
    """
    groups = list(_groups(tables))
    rows = [row for group in groups for row in group]
    labels = max(len(label) for label, _ in rows)
    names = [table["name"] for table in tables]
    widths = [max(len(name), *(len(cells[column]) for _, cells in rows)) for column, name in enumerate(names)]
    blocks = []
    for columns in _fitting(widths, WIDTH - len(INDENT) - labels):
        head = _line("", labels, [names[column] for column in columns], [widths[column] for column in columns])
        lines = [head, "-" * WIDTH]
        for label, cells in (row for group in groups for row in _filled(group, columns)):
            shown = [cells[column] for column in columns]
            lines.append(_line(label, labels, shown, [widths[column] for column in columns]))
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, "\n".join(_notes(tables))])


def summary(table: Table) -> dict[str, Any]:
    """The same numbers of one card for programs."""
    metrics, floors = table.get("metrics") or {}, _floor(table, "repeats")
    known = [name for name in metrics if name != "diversity" and metrics[name] is not None]
    return {
        **{key: table.get(key) for key in ("name", "detector", "scheme", "target", "parameters", "converged")},
        "training_seconds": _seconds(table),
        "metrics": {name: metrics[name] for name in known},
        "floor": {name: floors[name] for name in known if name in floors},
        "random_halves": _floor(table, "random_halves").get("wasserstein"),
        "diversity": metrics.get("diversity"),
        "time_per_sample_ms": table.get("time_per_sample_ms"),
        "seconds_10240": _paper_time(table),
        "device": table.get("device"),
        "published": table.get("published"),
        "data": table.get("data"),
    }


def _groups(tables: Sequence[Table]) -> Iterator[list[Row]]:
    """What stands together; the first row of a group says what the others are about."""
    for key in ("detector", "scheme", "target"):
        yield [(key, [str(table.get(key) or NONE) for table in tables])]
    yield [("parameters", [_whole(table.get("parameters")) for table in tables])]
    yield [("training", [_trained(table) for table in tables])]
    yield [("converged", [CONVERGED.get(str(table.get("converged")), NONE) for table in tables])]
    yield [("ms per response", [_number(table.get("time_per_sample_ms")) for table in tables])]
    yield [
        ("s per 10,240 (fastest)", [_number(_paper_time(table)) for table in tables]),
        (BESIDE, [_figure((table.get("published") or {}).get("seconds_10240")) for table in tables]),
    ]
    unit = _units(tables)
    for name, title in (METRICS | OBSERVABLES).items():
        halves = [("  random halves", _halves(tables, name))] if name == "wasserstein" else []
        yield [(of_unit(unit, title), _metric(tables, name)), ("  GEANT floor", _floors(tables, name)), *halves]
    for name in _names(table.get("metrics") for table in tables):
        yield [
            (name.replace("_", " "), _metric(tables, name)),
            ("  GEANT floor", _floors(tables, name)),
            ("  random halves", _halves(tables, name)),
            (BESIDE, [_figure(_quoted(table, name)) for table in tables]),
        ]
    for name, title in SPREADS.items():
        yield [(f"spread, {of_unit(unit, title)}", [_spread(table, name) for table in tables])]
    figures = [table.get("published") or {} for table in tables]
    others = [_unclaimed(table) for table in tables]
    yield [
        (PUBLISHED, [""] * len(tables)),
        *(
            (f"  {title}", [_figure(figure.get(name)) for figure in figures])
            for name, title in (METRICS | {"time_ms": "ms per response"}).items()
        ),
        *((f"  {name.replace('_', ' ')}", [_figure(figure.get(name)) for figure in others]) for name in _names(others)),
    ]


def _filled(group: Sequence[Row], columns: Sequence[int]) -> list[Row]:
    """The rows that say something of these models, below the first one, which alone must say something itself."""
    (title, first), *others = group
    kept = [(label, cells) for label, cells in others if any(cells[column] != NONE for column in columns)]
    says = any(first[column] not in (NONE, "") for column in columns)
    return [(title, first), *kept] if kept or says else []


def _fitting(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """Columns that stand beside each other, block by block."""
    block: list[int] = []
    for column, width in enumerate(widths):
        if block and sum(widths[other] + GAP for other in block) + width + GAP > room:
            yield block
            block = []
        block.append(column)
    yield block


def _line(label: str, width: int, cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (f"{' ' * GAP}{cell:>{room}}" for cell, room in zip(cells, widths, strict=True))
    return f"{INDENT}{label:<{width}}{''.join(padded)}".rstrip()


def _metric(tables: Sequence[Table], name: str) -> list[str]:
    return [_measured((table.get("metrics") or {}).get(name)) for table in tables]


def _floors(tables: Sequence[Table], name: str) -> list[str]:
    return [_measured(_floor(table, "repeats").get(name)) for table in tables]


def _halves(tables: Sequence[Table], name: str) -> list[str]:
    return [_measured(_floor(table, "random_halves").get(name)) for table in tables]


def _floor(table: Table, kind: str) -> Mapping[str, Any]:
    return (table.get("floor") or {}).get(kind) or {}


def _quoted(table: Table, name: str) -> float | None:
    """The published figure that a metric may be compared with."""
    figures = (table.get("published") or {}).get("metrics") or {}
    return figures.get(((table.get("metrics") or {}).get(name) or {}).get("published_as"))


def _unclaimed(table: Table) -> Mapping[str, float]:
    """Published figures of metrics that were not measured here."""
    figures = (table.get("published") or {}).get("metrics") or {}
    return {figure: value for figure, value in figures.items() if not named(table.get("metrics") or {}, figure)}


def _paper_time(table: Table) -> float | None:
    return ((table.get("timing") or {}).get("seconds_10240") or {}).get("seconds")


def _names(metrics: Iterable[Mapping[str, Any] | None]) -> list[str]:
    """Of the metrics beside the protocol's, each once."""
    known = (*METRICS, *OBSERVABLES, "diversity")
    return list(dict.fromkeys(name for found in metrics for name in found or {} if name not in known))


def _number(value: float | None) -> str:
    return NONE if value is None else number(value)


def _figure(value: float | None) -> str:
    """As it is published, with all its digits."""
    return NONE if value is None else f"{value:,g}"


def _whole(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def _measured(found: Mapping[str, Any] | None) -> str:
    if found is None or found.get("mean") is None:
        return NONE
    return with_spread(found["mean"], found.get("std") or 0.0)


def _spread(table: Table, name: str) -> str:
    found = ((table.get("metrics") or {}).get("diversity") or {}).get(name)
    return NONE if found is None else f"{found['median']:.2f}"


def _seconds(table: Table) -> float | None:
    stages = (table.get("stages") or {}).values()
    known = [stage["seconds"] for stage in stages if "seconds" in stage]
    return sum(known) if known else None


def _trained(table: Table) -> str:
    seconds = _seconds(table)
    return NONE if seconds is None else duration(seconds)


def _notes(tables: Sequence[Table]) -> Iterator[str]:
    """What has to be known before these numbers are compared."""
    units = " or ".join(f"{unit}s" for unit in _units(tables).split(" or "))
    yield from wrapped(
        f"Distances to GEANT on the test split in {units} (centroids in pixels), ± the spread over repeats; below each "
        "the floor, GEANT against independent GEANT responses to the same particles; random halves: other particles in "
        "each. Spread: of responses to the same particle, over GEANT's.",
        "",
    )
    for what, values in (
        ("detectors", {str(table.get("detector")) for table in tables}),
        ("data", {str((table.get("data") or {}).get("sha256")) for table in tables}),
        ("numbers of test events", {str((table.get("evaluated") or {}).get("events")) for table in tables}),
    ):
        if len(values) > 1:
            yield from wrapped(f"The models were tested on different {what}: their distances are not alike.", "")
            break
    yield ""
    yield from heading("Time was measured on")
    yield from listing([(table["name"], str(table.get("device") or "not named")) for table in tables])
    sources = [(table["name"], _source(table["published"])) for table in tables if table.get("published")]
    if sources:
        yield ""
        yield from heading("Published")
        yield from listing(sources)
        yield from wrapped(OTHER_DATA.replace("this run", "these models"))


def _units(tables: Sequence[Table]) -> str:
    """What responses count, in the singular."""
    return " or ".join(sorted({str(table.get("unit") or "photon") for table in tables}))


def _source(published: Mapping[str, Any]) -> str:
    return "; ".join(filter(None, [published.get("source"), published.get("note")]))
