"""A sweep in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.report.rounding import duration, number, with_spread

HEADER = ("member", "parameters", "W", "in floors", "MAE", "RMSE", "ms", "trained")
ALIGNMENT = "<>>>>>>>"


def sweep_rows(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row of `HEADER` for every member of `sweep.json`; `!` marks the distance of one that did not converge."""
    return [_row(member) for member in document["members"]]


def sweep_notes(document: Mapping[str, Any]) -> list[str]:
    """What there is to say below the table."""
    floors = {found["floor"] for member in document["members"] if (found := _metric(member, "wasserstein"))}
    words = "W: mean Wasserstein distance of the channel sums to GEANT ± spread over repeats, photons"
    if len(floors) == 1 and (floor := floors.pop()):
        words += f"; GEANT to itself: {number(floor)}"
    notes = [f"{words}. ms: per response."]
    if document.get("best"):
        notes.append(f"Best: {document['best']}.")
    failed = [member for member in document["members"] if not member["converged"]]
    notes += [f"! {member['label']} did not converge: {member['reason']}" for member in failed]
    return notes


def _row(member: Mapping[str, Any]) -> tuple[str, ...]:
    distance, mark = _metric(member, "wasserstein"), "" if member["converged"] else "!"
    return (
        member["label"],
        f"{member['parameters']:,}",
        (with_spread(distance["mean"], distance["std"]) if distance else "-") + mark,
        _number(distance, "in_floors"),
        *(_number(_metric(member, name), "mean") for name in ("mae", "rmse")),
        _number(member, "time_per_sample_ms"),
        duration(member["seconds"]),
    )


def _metric(member: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return (member.get("metrics") or {}).get(name)


def _number(table: Mapping[str, Any] | None, key: str) -> str:
    value = None if table is None else table.get(key)
    return "-" if value is None else number(value)
