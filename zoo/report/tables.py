"""What a run reports on the terminal: its numbers beside the data's own noise, and apart from them the paper's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zoo.report.published import METRICS, NONE, measured, published_block, timing_block
from zoo.report.rounding import count, duration, number, span, with_spread
from zoo.report.text import heading, listing, table, wrapped

OBSERVABLES = {
    "photon_sum": "photon sum",
    "lit_pixels": "lit pixels",
    "brightest_pixel": "brightest pixel",
    "centroid_row": "centroid, row",
    "centroid_column": "centroid, column",
}
"""What the channel sums cannot see."""

SPREADS = {"pixel": "pixels", "photon_sum": "photon sum"}

FLOOR = "GEANT floor"


def result_table(result: Mapping[str, Any]) -> str:
    """The document `result.json` as text of at most 80 columns, without colours; what is missing is said in words.

    Args:
        result: the document; every key may be absent or None, as it is for a run that diverged, a detector without
            channels, a model of channel sums, a recipe without published figures.
    """
    blocks = [_about(result)]
    metrics = result.get("metrics")
    if result.get("errors") is not None:
        blocks.append(_errors(result["errors"]))
    elif metrics is None:
        blocks.append(wrapped("No metrics: the run ended before there was a model to evaluate.", ""))
    else:
        floor, evaluated = result.get("floor") or {}, result.get("evaluated") or {}
        unit = result.get("unit") or "photon"
        blocks += [_published_metrics(metrics, floor, evaluated, unit), _observables(metrics, floor, unit)]
        blocks += [*_declared(metrics, floor), _diversity(metrics, unit)]
    blocks += [*_judgements(result), timing_block(result), published_block(result)]
    return "\n\n".join("\n".join(block) for block in blocks)


def _about(result: Mapping[str, Any]) -> list[str]:
    parameters, evaluated, stages = result.get("parameters"), result.get("evaluated"), result.get("stages") or {}
    rows = [
        ("detector", result.get("detector") or "not named"),
        ("scheme", result.get("scheme") or "not named"),
        ("parameters", f"{parameters:,}" if parameters is not None else "not known"),
    ]
    for name, stage in stages.items():
        seen = f"{count(stage['examples_seen'], 'example')} seen in {count(stage['steps'], 'step')}"
        if not stage["steps"] and "fitted" in stage:
            seen = ", ".join(["fitted", *(f"{key} {number(value)}" for key, value in stage["fitted"].items())])
        rows.append((f"stage {name}" if len(stages) > 1 else "training", f"{seen}, {duration(stage['seconds'])}"))
    rows.append(("converged", _converged(result)))
    if evaluated and "repeats" in evaluated:
        events, particles = count(evaluated["events"], "event"), count(evaluated["particles"], "particle")
        repeats = count(evaluated["repeats"], "response")
        rows.append(("evaluated", f"{events} ({particles}), {repeats} generated to each"))
    elif evaluated:
        rows.append(("evaluated", count(evaluated["events"], "event")))
    rows.append(("device", result.get("device") or "not named"))
    return [*heading(result.get("recipe") or "responses"), *listing(rows)]


def _converged(result: Mapping[str, Any]) -> str:
    converged = result.get("converged")
    if converged is None:
        return "not known"
    if converged:
        return "yes"
    kept = "; the numbers are those of the last good weights" if result.get("metrics") is not None else ""
    return f"NO: {result.get('reason') or 'nothing finite came out'}{kept}"


def _errors(errors: Mapping[str, Any]) -> list[str]:
    """Of a model that answers about given responses."""
    lines = ["Errors on the test split; the model generates no responses"]
    return lines + listing([(name.replace("_", " "), number(value)) for name, value in errors.items()])


def _judgements(result: Mapping[str, Any]) -> Iterator[list[str]]:
    """How stages answer about given responses: reconstructions, codebooks, and the errors of all but a last one."""
    for name, stage in (result.get("stages") or {}).items():
        found, codebook = (stage.get("reconstruction") or {}).get("metrics"), stage.get("codebook")
        rows = [(name, number(value)) for name, value in (stage.get("errors") or {}).items()]
        what = "Errors on"
        if found is not None:
            what = "Reconstructions of"
            rows += [
                (title, number(found[key]["mean"])) for key, title in METRICS.items() if found.get(key) is not None
            ]
        elif result.get("errors") is not None:
            what, rows = "Codebook on", []
        if codebook is not None:
            entries, perplexity = count(codebook["entries"], "entry", "entries"), number(codebook["perplexity"])
            rows.append(("codebook", f"{codebook['used']:,} of {entries} used, perplexity {perplexity}"))
        if rows:
            yield [f"{what} the test split, stage {name}", *listing(rows)]


def _published_metrics(
    metrics: Mapping[str, Any], floor: Mapping[str, Any], evaluated: Mapping[str, Any], unit: str
) -> list[str]:
    rows = []
    for name, title in METRICS.items():
        found = metrics.get(name)
        interval = (found or {}).get("interval")
        cells = _against_floor(found, (floor.get("repeats") or {}).get(name))
        rows.append([title, cells[0], "" if name == "rmse" else span(*interval) if interval else NONE, *cells[1:]])
    lines = [f"Channel sums and pixels against GEANT, in {unit}s"]
    lines += table(["", "generated", "95 % interval", FLOOR, "in floors"], rows)
    repeats = evaluated.get("repeats")
    lines += wrapped(
        "Wasserstein is the mean over the readout channels; ± is the spread over "
        f"{'the repeats' if repeats is None else count(repeats, 'repeat')}. The floor compares GEANT with independent "
        "GEANT responses to the same particles: the MAE and RMSE of a perfect generator are the floor, not zero."
    )
    if floor.get("repeats") is None:
        lines += wrapped("No floor: no particle occurs twice in the events, or there are too few.")
    halves = (floor.get("random_halves") or {}).get("wasserstein")
    halves = "cannot be had from these events" if halves is None else with_spread(halves["mean"], halves["std"])
    return lines + wrapped(f"Random halves of GEANT, other particles in each: Wasserstein {halves}")


def _against_floor(found: Mapping[str, Any] | None, floor: Mapping[str, Any] | None) -> list[str]:
    """Three cells: generated, floor, generated in floors."""
    beside = NONE if floor is None else with_spread(floor["mean"], floor["std"])
    if found is None:
        return ["not seen", beside, ""]
    ratio = found.get("in_floors")
    return [measured(found), beside, NONE if ratio is None else number(ratio)]


def _observables(metrics: Mapping[str, Any], floor: Mapping[str, Any], unit: str) -> list[str]:
    floors = floor.get("repeats") or {}
    rows = [
        [of_unit(unit, title), *_against_floor(metrics.get(name), floors.get(name))]
        for name, title in OBSERVABLES.items()
    ]
    lines = [f"What the channel sums cannot see: Wasserstein distance, in {unit}s or pixels"]
    lines += table(["", "generated", FLOOR, "in floors"], rows)
    if any(metrics.get(name) is None for name in OBSERVABLES):
        lines += wrapped("Not seen: there are no pixels, only channel sums.")
    return lines


def _declared(metrics: Mapping[str, Any], floor: Mapping[str, Any]) -> Iterator[list[str]]:
    """The metrics that the recipe adds to the protocol's."""
    names = [name for name in metrics if name not in (*METRICS, *OBSERVABLES, "diversity")]
    if not names:
        return
    same, halves = (floor.get(kind) or {} for kind in ("repeats", "random_halves"))
    rows = []
    for name in names:
        half = measured(halves[name]) if halves.get(name) is not None else NONE
        rows.append([name.replace("_", " "), *_against_floor(metrics[name], same.get(name)), half])
    lines = ["Metrics of the recipe or the detector: distance from GEANT"]
    lines += table(["", "generated", FLOOR, "in floors", "random halves"], rows)
    lines += wrapped("The floor is of the same particles; random halves of GEANT are of different ones.")
    for name in names:
        about = (metrics[name] or {}).get("about", "Not seen: there are no pixels, only channel sums.")
        lines += wrapped(f"{name.replace('_', ' ')}: {about}")
    yield lines


def of_unit(unit: str, title: str) -> str:
    """A title in the unit of the responses."""
    return title.replace("photon", unit)


def _diversity(metrics: Mapping[str, Any], unit: str) -> list[str]:
    found = metrics.get("diversity") or {}
    floor = found.get("floor") or {}
    rows = [[of_unit(unit, title), _ratio(found.get(name)), _ratio(floor.get(name))] for name, title in SPREADS.items()]
    lines = ["Spread between responses to the same particle, over GEANT's (1: as varied)"]
    lines += table(["", "generated", FLOOR], rows)
    particles = {summary["particles"] for name in SPREADS if (summary := found.get(name))}
    among = f" {count(max(particles), 'particle')} with enough responses" if particles else " particles"
    lines += wrapped(f"Median [16 %, 84 %] over{among}; the floor compares half of GEANT's responses with the others.")
    if any(NONE in row for row in rows):
        lines += wrapped("None: no particle has enough responses, they do not vary, or there are no pixels.")
    return lines


def _ratio(summary: Mapping[str, Any] | None) -> str:
    if summary is None:
        return NONE
    return f"{summary['median']:.2f} [{summary['low']:.2f}, {summary['high']:.2f}]"
