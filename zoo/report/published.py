"""What a paper says of an experiment, apart from what the zoo measured of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.report.rounding import number, with_spread
from zoo.report.text import heading, listing, table, wrapped

METRICS = {"wasserstein": "Wasserstein", "mae": "MAE", "rmse": "RMSE"}
"""The metrics of the published tables."""

NONE = "none"

OTHER_DATA = (
    "Measured by its authors on other data (other events, another simulation) than this run: "
    "this is no like-for-like comparison."
)


def published_block(result: Mapping[str, Any]) -> list[str]:
    """The figures of the paper that a recipe quotes.

    Those of metrics beside the protocol's, and a time by the paper's own protocol, stand beside this run's and the
    floor, each in a column of its own.
    """
    published = result.get("published")
    if published is None:
        return wrapped("Published figures: the recipe names none", "")
    figures = [
        (title, f"{published[name]:g}{' ms' if name == 'time_ms' else ''}")
        for name, title in {**METRICS, "time_ms": "time per sample"}.items()
        if published.get(name) is not None
    ]
    lines = heading(f"Published: {published['source']}")
    beside = [*_beside(published.get("metrics") or {}, result), *_time_beside(published, result)]
    lines += listing(figures) if figures else [] if beside else wrapped("no figures")
    lines += table(["", "published", "this run", "GEANT floor"], beside) if beside else []
    if published.get("note"):
        lines += wrapped(published["note"])
    return lines + wrapped(OTHER_DATA)


def _beside(figures: Mapping[str, float], result: Mapping[str, Any]) -> list[list[str]]:
    """A row for every metric of this run that a figure may be of, or for a figure that has none."""
    metrics = result.get("metrics") or {}
    rows = []
    for figure, value in figures.items():
        for name in named(metrics, figure) or [None]:
            mine = NONE if name is None else measured(metrics[name])
            title = (name or figure).replace("_", " ")
            rows.append([title, f"{value:g}", mine, floor_of(result, name)])
    return rows


def _time_beside(published: Mapping[str, Any], result: Mapping[str, Any]) -> list[list[str]]:
    """The time by the FoCal paper's protocol, on another device."""
    if published.get("seconds_10240") is None:
        return []
    mine = (result.get("timing") or {}).get("seconds_10240")
    return [["10,240 responses, s", f"{published['seconds_10240']:g}", number(mine["seconds"]) if mine else NONE, ""]]


def named(metrics: Mapping[str, Any], figure: str) -> list[str]:
    """The metrics that a published figure may be of: several, where a paper does not define its own."""
    return [name for name, found in metrics.items() if (found or {}).get("published_as") == figure]


def measured(found: Mapping[str, Any] | None) -> str:
    """A metric with its spread over repeats; without a mean it could not be had."""
    if found is None:
        return "not seen"
    return "absent" if found.get("mean") is None else with_spread(found["mean"], found.get("std") or 0.0)


def floor_of(result: Mapping[str, Any], name: str | None) -> str:
    """GEANT against GEANT: the same particle, or failing that random halves, which is said."""
    floors = result.get("floor") or {}
    same, halves = ((floors.get(kind) or {}).get(name) for kind in ("repeats", "random_halves"))
    if same is not None:
        return measured(same)
    return NONE if halves is None else f"{measured(halves)} (halves)"


def timing_block(result: Mapping[str, Any]) -> list[str]:
    """Time per sample by the ZDC papers' protocol, and by that of the FoCal paper where it was asked for."""
    timing = result.get("timing") or {}
    entries = [entry for entry in timing.values() if isinstance(entry, Mapping) and "median" in entry]
    if not entries:
        return wrapped("Time per sample: not measured", "")
    times = [(f"batch {entry['batch']}", f"{number(entry['median'])} ms") for entry in entries]
    whole = timing.get("seconds_10240")
    if whole is not None:
        times.append(("10,240", f"{number(whole['seconds'])} s, from the fastest batch of {whole['batch']:,}"))
    device = timing.get("device") or result.get("device") or "a device that is not named"
    return [*wrapped(f"Time per sample on {device}", ""), *listing(times)]
