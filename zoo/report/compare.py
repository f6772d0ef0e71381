"""Models of the shelf side by side: a column per model, as many as fit beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from zoo.report.published import METRICS, OTHER_DATA
from zoo.report.rounding import duration, number, with_spread
from zoo.report.tables import OBSERVABLES, SPREADS
from zoo.report.text import GAP, INDENT, WIDTH, heading, listing, wrapped

NONE = "-"

CONVERGED = {"True": "yes", "False": "NO"}

PUBLISHED = "published, other data"

Table = Mapping[str, Any]


def comparison(tables: Sequence[Table]) -> str:
    """What cards say, as text of at most 80 columns; a distance stands above its floor and the published figure.

    Args:
        tables: the cards, one for each model.
    """
    rows = list(_rows(tables))
    labels = max(len(label) for label, _ in rows)
    names = [table["name"] for table in tables]
    widths = [max(len(name), *(len(cells[column]) for _, cells in rows)) for column, name in enumerate(names)]
    blocks = []
    for columns in _fitting(widths, WIDTH - len(INDENT) - labels):
        head = _line("", labels, [names[column] for column in columns], [widths[column] for column in columns])
        lines = [head, "-" * WIDTH]
        shelved = [tables[column] for column in columns]
        for label, cells in rows:
            shown = [cells[column] for column in columns]
            if all(cell == NONE for cell in shown) or (label == PUBLISHED and not _published(shelved)):
                continue
            lines.append(_line(label, labels, shown, [widths[column] for column in columns]))
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, "\n".join(_notes(tables))])


def summary(table: Table) -> dict[str, Any]:
    """The same numbers of one card for programs."""
    metrics, floors = table.get("metrics") or {}, _floors(table)
    known = [name for name in metrics if name != "diversity" and metrics[name] is not None]
    return {
        **{key: table.get(key) for key in ("name", "detector", "scheme", "target", "parameters", "converged")},
        "training_seconds": _seconds(table),
        "metrics": {name: metrics[name] for name in known},
        "floor": {name: floors[name] for name in known if name in floors},
        "random_halves": _halves(table).get("wasserstein"),
        "diversity": metrics.get("diversity"),
        "time_per_sample_ms": table.get("time_per_sample_ms"),
        "device": table.get("device"),
        "published": table.get("published"),
        "data": table.get("data"),
    }


def _rows(tables: Sequence[Table]) -> Iterator[tuple[str, list[str]]]:
    """(label, a cell per model)."""
    for key in ("detector", "scheme", "target"):
        yield key, [str(table.get(key) or NONE) for table in tables]
    yield "parameters", [_whole(table.get("parameters")) for table in tables]
    yield "training", [_trained(table) for table in tables]
    yield "converged", [CONVERGED.get(str(table.get("converged")), NONE) for table in tables]
    yield "ms per response", [_number(table.get("time_per_sample_ms")) for table in tables]
    for name, title in (METRICS | OBSERVABLES).items():
        yield title, [_measured((table.get("metrics") or {}).get(name)) for table in tables]
        yield "  GEANT floor", [_measured(_floors(table).get(name)) for table in tables]
        if name == "wasserstein":
            yield "  random halves", [_measured(_halves(table).get(name)) for table in tables]
    for name in _names(table.get("metrics") for table in tables):
        yield name.replace("_", " "), [_measured((table.get("metrics") or {}).get(name)) for table in tables]
        yield "  GEANT floor", [_measured(_floors(table).get(name)) for table in tables]
        yield "  random halves", [_measured(_halves(table).get(name)) for table in tables]
    for name, title in SPREADS.items():
        yield f"spread, {title}", [_spread(table, name) for table in tables]
    figures = [table.get("published") or {} for table in tables]
    yield PUBLISHED, [""] * len(tables)
    for name, title in (METRICS | {"time_ms": "ms per response"}).items():
        yield f"  {title}", [NONE if figure.get(name) is None else f"{figure[name]:,g}" for figure in figures]
    beside = [figure.get("metrics") or {} for figure in figures]
    for name in _names(beside):
        yield f"  {name.replace('_', ' ')}", [NONE if name not in found else f"{found[name]:,g}" for found in beside]


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


def _floors(table: Table) -> Mapping[str, Any]:
    return (table.get("floor") or {}).get("repeats") or {}


def _halves(table: Table) -> Mapping[str, Any]:
    return (table.get("floor") or {}).get("random_halves") or {}


def _names(metrics: Iterable[Mapping[str, Any] | None]) -> list[str]:
    """Of the metrics beside the protocol's, each once."""
    known = (*METRICS, *OBSERVABLES, "diversity")
    return list(dict.fromkeys(name for found in metrics for name in found or {} if name not in known))


def _number(value: float | None) -> str:
    return NONE if value is None else number(value)


def _whole(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def _measured(found: Mapping[str, Any] | None) -> str:
    if found is None or found.get("mean") is None:
        return NONE
    return with_spread(found["mean"], found.get("std") or 0.0)


def _published(tables: Sequence[Table]) -> bool:
    """Whether there is a published figure of any of these models."""
    names = (*METRICS, "time_ms", "metrics")
    return any((table.get("published") or {}).get(name) is not None for table in tables for name in names)


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
    units = " or ".join(sorted({f"{table.get('unit') or 'photon'}s" for table in tables}))
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


def _source(published: Mapping[str, Any]) -> str:
    return "; ".join(filter(None, [published.get("source"), published.get("note")]))
