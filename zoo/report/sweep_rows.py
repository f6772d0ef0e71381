"""A sweep in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.report.rounding import duration, number, with_spread

NONE = "-"

COLUMNS = {"loss": "loss: of the last stage, on the test split.", "time_per_sample_ms": "ms: per response."}


def unit_of(document: Mapping[str, Any]) -> str:
    """What the responses of a sweep count, in the singular; older documents do not say it."""
    return document.get("unit") or "photon"


def sweep_columns(document: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header, and a row for every member of `sweep.json`; columns that are empty for all members are left out.

    `!` marks the distance of a member that did not converge.
    """
    members = document["members"]
    stages = _codebooks(members)
    rows = [_row(member, stages) for member in members]
    names = list(rows[0])
    kept = [name for name in names if {row[name] for row in rows} != {NONE}]
    return kept, [[row[name] for name in kept] for row in rows]


def sweep_notes(document: Mapping[str, Any]) -> list[str]:
    """What there is to say below the table."""
    members = document["members"]
    floors = {found["floor"] for member in members if (found := _metric(member, "wasserstein"))}
    words = f"W: mean Wasserstein distance of the channel sums to GEANT ± spread over repeats, {unit_of(document)}s"
    if len(floors) == 1 and (floor := floors.pop()):
        words += f"; GEANT to itself: {number(floor)}"
    known = [key for key in ("loss", "time_per_sample_ms") if any(member.get(key) is not None for member in members)]
    notes = [" ".join([f"{words}.", *(COLUMNS[key] for key in known)])]
    if _codebooks(members):
        notes.append("perplexity, used: of the entries of the codebook, on the test split.")
    if any(member.get("reconstructed") for member in members):
        notes.append("The responses are reconstructions of the test events, not generated.")
    if document.get("best"):
        notes.append(f"Best: {document['best']}.")
    failed = [member for member in members if not member["converged"]]
    notes += [f"! {member['label']} did not converge: {member['reason']}" for member in failed]
    return notes


def _codebooks(members: Sequence[Mapping[str, Any]]) -> list[str]:
    """The stages that have a codebook."""
    return list(dict.fromkeys(stage for member in members for stage in member.get("codebooks") or {}))


def _row(member: Mapping[str, Any], stages: Sequence[str]) -> dict[str, str]:
    distance, mark = _metric(member, "wasserstein"), "" if member["converged"] else "!"
    cells = {
        "member": member["label"],
        "params": f"{member['parameters']:,}",
        "W": (with_spread(distance["mean"], distance["std"]) if distance else NONE) + mark,
        "in floors": _number(distance, "in_floors"),
        "MAE": _number(_metric(member, "mae"), "mean"),
        "RMSE": _number(_metric(member, "rmse"), "mean"),
        "loss": _number(member, "loss"),
    }
    for stage in stages:
        found, which = (member.get("codebooks") or {}).get(stage), f" {stage}" if len(stages) > 1 else ""
        cells[f"perplexity{which}"] = _number(found, "perplexity")
        cells[f"used{which}"] = NONE if found is None else f"{found['used']:,}"
    return {**cells, "ms": _number(member, "time_per_sample_ms"), "trained": duration(member["seconds"])}


def _metric(member: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return (member.get("metrics") or {}).get(name)


def _number(table: Mapping[str, Any] | None, key: str) -> str:
    value = None if table is None else table.get(key)
    return NONE if value is None else number(value)
