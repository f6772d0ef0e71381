"""`zoo run`: a recipe becomes a trained, checkpointed, evaluated run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from zoo.data.digest import data_digest
from zoo.data.splits import split_events
from zoo.detectors.detector import Detector
from zoo.evaluation.metrics.metric import build_metrics
from zoo.evaluation.timing import device_description
from zoo.optim.precision import compute_dtype
from zoo.recipe.load import LoadedRecipe
from zoo.recipe.resolved import digest
from zoo.recipe.schema import Recipe
from zoo.runner.assess import NotFinite, assess, timing
from zoo.runner.constants import generation, stage_constants, watching
from zoo.runner.devices import check_devices, open_devices, sharing, with_devices
from zoo.runner.environment import enable_compilation_cache, environment
from zoo.runner.judgement import judged
from zoo.runner.lock import DirectoryLock
from zoo.runner.log import Logged
from zoo.runner.loop import Trained, fitted_only, train
from zoo.runner.observer import Observer
from zoo.runner.paper_timing import paper_timing
from zoo.runner.result import result, stage_summary
from zoo.runner.reuse import Reuse
from zoo.runner.run_directory import RunDirectory, choose, refuse_changed
from zoo.runner.signals import StopRequest
from zoo.runner.streams import stream
from zoo.runner.time_limit import fitted
from zoo.runner.trainer import StageData, Trainer
from zoo.runner.validation import validator_for
from zoo.schemes.generation import CHUNK, Generator
from zoo.schemes.model import Model
from zoo.schemes.scheme import EventScheme
from zoo.shelf.files import write_json
from zoo.shelf.structure import abstract_models


@dataclass(frozen=True)
class RunOptions:
    """What `zoo run` may say beside the recipe."""

    runs: Path = Path("runs")
    time_limit: float | None = None
    """Seconds the whole run may take; None for as long as the recipe says."""
    run_id: str | None = None
    new: bool = False
    """Continue no run, and take no stage over from one."""


def run(loaded: LoadedRecipe, options: RunOptions, observer: Observer) -> RunDirectory:
    """Start or continue a run, to its end; a finished one is returned as it is.

    Raises:
        ZooError: the recipe, the data or the run directory cannot be used.
        Interrupted: a signal asked to stop; the same call continues.
    """
    directory = _directory(loaded, options)
    run_in(directory, loaded.recipe, options, observer)
    return directory


def run_in(directory: RunDirectory, recipe: Recipe, options: RunOptions, observer: Observer) -> None:
    """Start or continue the run of a directory, to its end; a finished one is left as it is.

    Args:
        directory: a run of this recipe, or an empty one.
        recipe: as asked for, before the time limit.
        options: the time limit, if the run is not started yet, and where finished stages may be taken over from.
        observer: is told of the progress.

    Raises:
        ZooError: the data or the run directory cannot be used.
        Interrupted: a signal asked to stop; the same call continues.
    """
    begun = time.perf_counter()
    if directory.finished:
        return
    with DirectoryLock(directory.path), StopRequest() as stop:
        _run(directory, recipe, options, Logged(observer), stop, begun)


def _directory(loaded: LoadedRecipe, options: RunOptions) -> RunDirectory:
    """The run a recipe file belongs to, if it lies in one; else the one its name and content ask for."""
    inside = RunDirectory(loaded.path.parent)
    if inside.recipe_file == loaded.path and inside.environment_file.exists():
        refuse_changed(inside, loaded.recipe)
        return inside
    return choose(options.runs, loaded.name, loaded.recipe, options.run_id, options.new)


def _run(
    directory: RunDirectory,
    requested: Recipe,
    options: RunOptions,
    observer: Logged,
    stop: StopRequest,
    begun: float,
) -> None:
    enable_compilation_cache()
    started = directory.recipe_file.exists()
    recipe = directory.recipe() if started else requested
    open_devices(recipe)
    if not started:
        recipe = with_devices(recipe)
    check_devices(recipe)
    # What does not fit together is said before anything is trained.
    abstract_models(recipe)
    detector = recipe.detector.build()
    build_metrics(recipe.evaluate.metrics, detector)
    events = recipe.data.events(detector)
    split = split_events(events, recipe.data.split)
    data, test = StageData(events[split.train], events[split.validation]), events[split.test]
    provenance = {
        "origin": events.origin,
        "events": len(events),
        "train": len(split.train),
        "validation": len(split.validation),
        "test": len(split.test),
        "split": recipe.data.split,
        "sha256": data_digest(events),
    }
    warning = recipe.data.warning(events, detector)
    del events
    new = directory.new if started else options.new
    reuse = Reuse(None if new else options.runs, directory, provenance["sha256"])
    if started:
        directory.check_data(provenance["sha256"])
        observer.to(directory.log_file)
        observer.message(f"continuing {directory.path}")
    else:
        time_limit = options.time_limit
        if time_limit is not None:
            observer.message("timing a few steps of every stage")
            recipe, ready = reuse.under_limit(recipe, time_limit)
            recipe = fitted(recipe, detector, data, test, time_limit, time.perf_counter() - begun, ready)
            observer.message(_fitted_line(recipe))
        about = environment() | {"recipe": directory.name, "requested_digest": digest(requested), "data": provenance}
        about |= {"requested_stages": reuse.requests(requested, time_limit), "new": options.new}
        directory.create(recipe, about | {"digest": digest(recipe), "time_limit_seconds": time_limit})
        observer.to(directory.log_file)
        observer.message(f"run directory {directory.path}")
    if warning is not None:
        observer.message(warning)
    stages, models = _train_stages(directory, recipe, data, reuse, observer, stop)
    _finish(directory, recipe, models, stages, test, provenance, observer, stop)


def _train_stages(
    directory: RunDirectory, recipe: Recipe, data: StageData, reuse: Reuse, observer: Observer, stop: StopRequest
) -> tuple[dict[str, dict[str, Any]], dict[str, Model]]:
    """Every stage in order, each with the earlier ones frozen; the last model is the surrogate."""
    detector = recipe.detector.build()
    earlier: dict[str, Model] = {}
    summaries: dict[str, dict[str, Any]] = {}
    for name, stage in recipe.stages.items():
        folder = directory.checkpoints / name
        begun = time.perf_counter()
        taken_from = reuse.take(recipe, name)
        if taken_from is not None:
            observer.message(f"stage {name}: taken over from {taken_from}, where it was trained; --new trains it again")
        generate = generation(earlier, data.train, stream(recipe.seed, "fit", name), observer, stop)
        watch = watching(f"fit {name}", observer, stop)
        constants = stage_constants(folder, stage.model, detector, data, earlier, generate, watch)
        if stage.model.scheme.trained:
            trainer = Trainer(name, stage, detector, data, constants, dict(earlier), recipe.seed)
            trained = _trained(trainer, detector, folder, directory, observer, stop)
        else:
            model = stage.model.build(detector, constants, dict(earlier), key=stream(recipe.seed, "init", name))
            trained = fitted_only(model, folder)
        seconds = directory.add_seconds(name, time.perf_counter() - begun)
        earlier[name] = trained.model
        summaries[name] = stage_summary(stage, trained, constants, seconds) | {"taken_from": taken_from}
        if trained.verdict is None:
            reuse.remember(recipe, name)
        if trained.verdict is not None and trained.verdict.ended:
            break
    return summaries, earlier


def _trained(
    trainer: Trainer,
    detector: Detector,
    folder: Path,
    directory: RunDirectory,
    observer: Observer,
    stop: StopRequest,
) -> Trained:
    """One stage, trained to its end."""
    if trainer.dtype == np.float32 and jax.default_backend() == "cpu":
        observer.message(
            f"stage {trainer.name}: computing in float32 (bfloat16 is for GPU and TPU; a CPU only emulates it)"
        )
    planned, there = trainer.schedule_examples, len(trainer.data.train)
    if planned != there:
        observer.message(
            f"stage {trainer.name}: the learning rate runs through {100 * there / planned:.2g} % of its schedule, "
            f"laid out for {planned:,} training events; there are {there:,}"
        )
    events, limit = trainer.data.validation, trainer.config.validate_events
    devices = trainer.config.devices or 1
    validator = validator_for(trainer.model, detector, events, limit, trainer.validation_key, devices)
    return train(trainer, validator, folder, directory.journal, observer, stop)


def _finish(
    directory: RunDirectory,
    recipe: Recipe,
    models: dict[str, Model],
    stages: dict[str, dict[str, Any]],
    test: Any,
    provenance: dict[str, Any],
    observer: Observer,
    stop: StopRequest,
) -> None:
    """Evaluate on the test split, draw, and write `result.json` last."""
    detector = recipe.detector.build()
    evaluation, times, failure = None, None, None
    arrays: dict[str, np.ndarray] = {}
    complete = len(stages) == len(recipe.stages)
    if complete:
        key = stream(recipe.seed, "evaluation")
        dtypes = {name: compute_dtype(stage.precision) for name, stage in recipe.stages.items()}
        for name, dtype in dtypes.items():
            told, kept = judged(models[name], dtype, detector, test, recipe.evaluate, key, observer, stop)
            stages[name] |= told
            arrays |= {f"{what}_{name}": array for what, array in kept.items()}
        final = list(recipe.stages)[-1]
        model, dtype = models[final], dtypes[final]
        if isinstance(model.scheme, EventScheme):
            evaluation = {"errors": stages[final]["errors"], "events": len(test[: recipe.evaluate.events])}
        else:
            timed = recipe.evaluate.timing
            chunk = CHUNK if timed else min(CHUNK, len(test[: recipe.evaluate.events]))
            generator = Generator(model, dtype, chunk, sharing(recipe))
            try:
                evaluation, kept = assess(generator, detector, test, recipe.evaluate, key, observer, stop)
                arrays |= kept
            except NotFinite as error:
                failure = str(error)
            if timed:
                times = timing(generator, Generator(model, dtype, chunk=1), test, key)
                times |= paper_timing(recipe.published, times, partial(Generator, model, dtype), test, key)
    document = result(directory.name, recipe, stages, evaluation, times, device_description(), provenance, failure)
    from zoo.report.plots import draw_run

    if arrays:
        directory.save_arrays(arrays)
    draw_run(directory.plots, detector, document, list(directory.journal.lines()), arrays)
    write_json(directory.result_file, document)


def _fitted_line(recipe: Recipe) -> str:
    parts = [f"{name} {stage.train.epochs:g} epochs" for name, stage in recipe.stages.items() if stage.train]
    limited = recipe.evaluate.events
    return "time limit: " + ", ".join(parts) + (f"; {limited} test events are evaluated" if limited else "")
