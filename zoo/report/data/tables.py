"""A data set on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.report.particles import WORDS
from zoo.report.rounding import count, number, whole, with_spread
from zoo.report.text import heading, listing, wrapped

Table = tuple[str, Sequence[str], Sequence[Sequence[str]], Sequence[str]]
"""Title, header, rows, notes."""

NONE = "-"


def overview(document: Mapping[str, Any]) -> list[str]:
    """Counts, repeats, split and floor."""
    shape = " x ".join(map(str, document["shape"]))
    rows = [("detector", document["detector"]), ("responses", f"{shape}{_dtype(document)}")]
    if "counts" in document:
        rows += _counted(document["counts"], document["refused"], document["unit"])
        rows += [("diversity", _diversity(document["diversity"], document["unit"])), *_split(document)]
    return [*heading(str(document["source"])), *listing(rows)]


def _dtype(document: Mapping[str, Any]) -> str:
    return f", {document['dtype']}" if "dtype" in document else ""


def _counted(counts: Mapping[str, Any], refused: int, unit: str) -> list[tuple[str, str]]:
    repeats, sums = counts["repeats"], counts["observables"]["photon_sum"]
    low, *_, high = (sums["percentiles"][name] for name in ("10", "90"))
    kinds = "" if counts["species"] is None else f" of {count(counts['species'], 'species', 'species')}"
    quartiles = " / ".join(whole(repeats["percentiles"][name]) for name in ("25", "50", "75"))
    return [
        ("events", f"{counts['events']:,}{f' ({refused:,} more cannot be used)' if refused else ''}"),
        ("particles", f"{counts['particles']:,} different ones{kinds}"),
        (
            "repeats",
            f"{number(repeats['mean'])} responses to a particle in the mean, quartiles {quartiles}, at most "
            f"{repeats['maximum']:,.0f}; {repeats['once']:,} have one, {repeats['often']:,} have "
            f"{repeats['often_means']} or more",
        ),
        (
            f"{unit} sum",
            f"{number(sums['mean'])} in the mean, 10 to 90 %: {whole(low)} to {whole(high)}, at most "
            f"{whole(sums['maximum'])}; {counts['photon_sums']:,} different sums",
        ),
    ]


def _diversity(found: Mapping[str, Any] | None, unit: str) -> str:
    if found is None:
        return "no particle has enough responses"
    words = []
    if found["pixel"] is not None:
        words.append(f"f(c) = {_span(found['pixel'], 1)}")
    words.append(f"{unit} sum spreads by {_span(found['photon_sum'], 100)} %")
    among = count(found["particles"], "particle")
    drawn = "" if found["particles"] == found["of"] else f" drawn from {found['of']:,}"
    return f"{'; '.join(words)}; median [16 %, 84 %] over {among}{drawn}"


def _span(spread: Mapping[str, float], factor: float) -> str:
    median, low, high = (number(factor * spread[name]) for name in ("median", "low", "high"))
    return f"{median} [{low}, {high}]"


def _split(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    split, floor = document["split"], document["floor"]
    if split is None:
        return [("split", "none")]
    rows = [("split", ", ".join(f"{many:,} {part}" for part, many in split.items()))]
    found = (floor or {}).get("repeats") or {}
    values = [(name, found.get(key)) for key, name in (("wasserstein", "W"), ("mae", "MAE"), ("rmse", "RMSE"))]
    known = [f"{name} {with_spread(value['mean'], value['std'])}" for name, value in values if value is not None]
    return [*rows, ("floor", f"{', '.join(known)} on the test split" if known else "none")]


def species_table(species: Sequence[Mapping[str, Any]], unit: str) -> Table:
    """A row per kind of particle."""
    rows = [
        [
            WORDS.get(row["pdg"], "other"),
            str(row["pdg"]),
            f"{row['events']:,}",
            f"{100 * row['share']:.2f}",
            f"{row['particles']:,}",
            NONE if row["energy"] is None else whole(row["energy"]),
            whole(row["photon_sum"]),
            NONE if row["spread"] is None else f"{100 * row['spread']:.0f}",
            NONE if row["diversity"] is None else number(row["diversity"]),
        ]
        for row in species
    ]
    header = ("species", "PDG", "events", "%", "particles", "E", f"{unit}s", "±%", "f(c)")
    return (
        "Species",
        header,
        rows,
        [
            f"E: mean energy, GeV; {unit}s: mean {unit} sum; ±%: spread of the {unit} sum between responses to the "
            "same particle; f(c): their diversity (sum over pixels of the std of ln(1 + count)). Both are means over "
            "particles with enough responses."
        ],
    )


def columns_table(document: Mapping[str, Any]) -> Table:
    """A row per particle column, with its part in the diversity."""
    forest = document["importances"]
    shares = {} if forest is None else forest["features"]
    rows = [
        [
            name,
            column["unit"],
            *(number(value) for value in (column["minimum"], column["percentiles"]["50"], column["maximum"])),
            *(number(column[key]) for key in ("mean", "std")),
            f"{column['different']:,}",
            f"{shares[name]:.3f}" if name in shares else NONE,
        ]
        for name, column in document["columns"].items()
    ]
    if "pdg" in shares:
        rows.append(["pdg", *[""] * 6, f"{len(document['species']):,}", f"{shares['pdg']:.3f}"])
    notes = ["values: different ones; drives: importance for the diversity of a particle"]
    if forest is None:
        notes[0] += " (not available)"
    else:
        notes[0] += (
            f", in a random forest of {forest['trees']} trees over {count(forest['particles'], 'particle')} "
            f"(R2 = {forest['r2']:.2f} for particles it has not seen)"
        )
    header = ("column", "unit", "min", "median", "max", "mean", "std", "values", "drives")
    return ("Particle columns", header, rows, [f"{notes[0]}."])


def channels_table(channels: Sequence[Mapping[str, Any]], unit: str) -> Table:
    """A row per readout channel."""
    rows = [
        [
            str(channel["channel"]),
            f"{channel['pixels']:,}",
            *(number(channel[key]) for key in ("mean", "std")),
            *(whole(channel["percentiles"][name]) for name in ("10", "50", "90", "99")),
            whole(channel["maximum"]),
            f"{100 * channel['dark']:.1f}",
        ]
        for channel in channels
    ]
    header = ("channel", "pixels", "mean", "std", "10 %", "50 %", "90 %", "99 %", "max", "dark %")
    title = f"{unit.capitalize()} sums of the readout channels"
    return (title, header, rows, [f"dark: share of the events without a {unit} in it."])


def findings(document: Mapping[str, Any]) -> list[str]:
    """What will not work, and what to know."""
    lines = heading("What will not work, and what to know")
    for finding in document["findings"]:
        lines += wrapped(f"{finding['kind']}: {finding['text']}", hanging="    ")
    for text in document.get("left_out", ()):
        lines += wrapped(f"left out: {text}", hanging="    ")
    return lines if len(lines) > 2 else [*lines, "  Nothing stands out."]
