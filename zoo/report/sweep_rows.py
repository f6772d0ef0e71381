"""A sweep in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.report.rounding import duration, number, with_spread

HEADER = ("member", "params", "W", "in floors", "MAE", "RMSE", "loss", "ms", "trained")

NONE = "-"

COLUMNS = {"loss": "loss: of the last stage, on the test split.", "time_per_sample_ms": "ms: per response."}


def sweep_columns(document: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header, and a row for every member of `sweep.json`; columns that are empty for all members are left out.

    `!` marks the distance of a member that did not converge.
    """
    rows = [_row(member) for member in document["members"]]
    kept = [number for number, cells in enumerate(zip(*rows, strict=True)) if set(cells) != {NONE}]
    return [HEADER[number] for number in kept], [[row[number] for number in kept] for row in rows]


def sweep_notes(document: Mapping[str, Any]) -> list[str]:
    """What there is to say below the table."""
    members = document["members"]
    floors = {found["floor"] for member in members if (found := _metric(member, "wasserstein"))}
    words = "W: mean Wasserstein distance of the channel sums to GEANT ± spread over repeats, photons"
    if len(floors) == 1 and (floor := floors.pop()):
        words += f"; GEANT to itself: {number(floor)}"
    known = [key for key in ("loss", "time_per_sample_ms") if any(member.get(key) is not None for member in members)]
    notes = [" ".join([f"{words}.", *(COLUMNS[key] for key in known)])]
    if any(member.get("reconstructed") for member in members):
        notes.append("The responses are reconstructions of the test events, not generated.")
    if document.get("best"):
        notes.append(f"Best: {document['best']}.")
    failed = [member for member in members if not member["converged"]]
    notes += [f"! {member['label']} did not converge: {member['reason']}" for member in failed]
    return notes


def _row(member: Mapping[str, Any]) -> tuple[str, ...]:
    distance, mark = _metric(member, "wasserstein"), "" if member["converged"] else "!"
    return (
        member["label"],
        f"{member['parameters']:,}",
        (with_spread(distance["mean"], distance["std"]) if distance else NONE) + mark,
        _number(distance, "in_floors"),
        *(_number(_metric(member, name), "mean") for name in ("mae", "rmse")),
        _number(member, "loss"),
        _number(member, "time_per_sample_ms"),
        duration(member["seconds"]),
    )


def _metric(member: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return (member.get("metrics") or {}).get(name)


def _number(table: Mapping[str, Any] | None, key: str) -> str:
    value = None if table is None else table.get(key)
    return NONE if value is None else number(value)
