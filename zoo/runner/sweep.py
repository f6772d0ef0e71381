"""`zoo run` on a recipe with `[sweep]`: every member is an ordinary run; then one table and one plot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax

from zoo.errors import ComponentError, RecipeError
from zoo.recipe.resolved import digest
from zoo.recipe.sweep import LoadedSweep, Member
from zoo.report.rounding import duration
from zoo.runner.environment import environment
from zoo.runner.lock import DirectoryLock
from zoo.runner.observer import Observer, Prefixed
from zoo.runner.run import RunOptions, run_in
from zoo.runner.signals import StopRequest
from zoo.runner.sweep_directory import SweepDirectory, choose_sweep
from zoo.shelf.files import write_json
from zoo.shelf.structure import abstract_models

METRICS = ("wasserstein", "mae", "rmse")


def run_sweep(loaded: LoadedSweep, options: RunOptions, observer: Observer) -> SweepDirectory:
    """Start or continue a sweep, to its end; a finished one is returned as it is.

    Members run one after the other in the order of the recipe. One that is finished is never run again, one that was
    stopped continues in the same bits, and one that does not converge stops nothing. A time limit is shared equally.
    Members that differ only in how they generate share one training.

    Raises:
        ZooError: a member, the data or the directory cannot be used.
        Interrupted: a signal asked to stop; the same call continues.
    """
    directory = choose_sweep(options.runs, loaded, options.run_id, options.new)
    if directory.finished:
        return directory
    if not directory.started:
        _check(loaded)
    with DirectoryLock(directory.path), StopRequest() as stop:
        if directory.started:
            observer.message(f"continuing {directory.path}")
        else:
            about = {"recipe": directory.name, "digest": loaded.digest, "time_limit_seconds": options.time_limit}
            about["new"] = options.new
            directory.create(loaded, environment() | about)
            observer.message(f"sweep directory {directory.path}")
        sweep = directory.sweep()
        share = _share(directory, sweep, options.time_limit, observer)
        # Members take stages over from each other, whatever else they may.
        runs = directory.path if directory.new() else options.runs
        chosen = replace(options, time_limit=share, runs=runs, new=False)
        for number, member in enumerate(sweep.members, 1):
            run = directory.run(member)
            if not run.finished:
                observer.message(f"member {number} of {len(sweep.members)}: {member.label}")
                run_in(run, member.recipe, chosen, Prefixed(observer, member.label))
                # Programs of one member are of no use to the next.
                jax.clear_caches()
            stop.check()
        _finish(directory, sweep)
    return directory


def _check(sweep: LoadedSweep) -> None:
    """Build every member without weights, so that none is found impossible after hours.

    Raises:
        RecipeError: the parts of some members do not fit together, one line each.
    """
    problems = []
    for member in sweep.members:
        try:
            abstract_models(member.recipe)
        except ComponentError as error:
            problems.append(f"{sweep.path}: {member.label}: {error}")
    if problems:
        raise RecipeError(problems)


def _share(directory: SweepDirectory, sweep: LoadedSweep, asked: float | None, observer: Observer) -> float | None:
    """Seconds for each member: the same for all, also for those that run after an interruption."""
    limit = directory.time_limit()
    if asked is not None and asked != limit:
        was = "without a time limit" if limit is None else f"with a time limit of {duration(limit)}"
        observer.message(f"the sweep was started {was}, which stays; start another with --new")
    return None if limit is None else limit / len(sweep.members)


def _finish(directory: SweepDirectory, sweep: LoadedSweep) -> None:
    """Draw, and write `sweep.json` last."""
    from zoo.report.sweep import draw_sweep

    members = [_summary(member, sweep.values[member.label], directory.run(member).result()) for member in sweep.members]
    good = [member for member in members if member["converged"] and member["metrics"]["wasserstein"]]
    best = min(good, key=lambda member: member["metrics"]["wasserstein"]["mean"], default=None)
    detectors = {member.recipe.detector.component for member in sweep.members}
    document = {
        "recipe": directory.name,
        "sweep_digest": sweep.digest,
        "detector": detectors.pop() if len(detectors) == 1 else None,
        "unit": " or ".join(sorted({member.recipe.detector.build().unit for member in sweep.members})),
        "members": members,
        "best": best and best["label"],
    }
    draw_sweep(directory.plot, document)
    write_json(directory.result_file, document)


def _summary(member: Member, values: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """What the table and the plot need of a member; the rest is in the member's own `result.json`."""
    stages = result["stages"].values()
    final = list(stages)[-1]
    metrics = result["metrics"] or (final.get("reconstruction") or {}).get("metrics") or {}
    kept = ("mean", "std", "interval", "floor", "in_floors")
    return {
        "label": member.label,
        "run": member.folder,
        "values": dict(values),
        "recipe_digest": digest(member.recipe),
        "converged": result["converged"],
        "reason": result["reason"],
        "parameters": result["parameters"],
        "examples_seen": sum(stage["examples_seen"] for stage in stages),
        "seconds": round(sum(stage["seconds"] for stage in stages), 1),
        "metrics": {
            name: {key: found[key] for key in kept if key in found} if (found := metrics.get(name)) else None
            for name in METRICS
        },
        "reconstructed": result["metrics"] is None and bool(metrics),
        "loss": (final.get("errors") or {}).get("loss"),
        "codebooks": {name: stage["codebook"] for name, stage in result["stages"].items() if stage.get("codebook")},
        "time_per_sample_ms": result["time_per_sample_ms"],
    }
