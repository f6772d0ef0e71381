"""`zoo run`: a recipe becomes a trained, checkpointed, evaluated run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from zoo.data.splits import split_events
from zoo.evaluation.timing import device_description
from zoo.recipe.load import LoadedRecipe
from zoo.recipe.resolved import digest
from zoo.recipe.schema import Recipe
from zoo.runner.assess import assess, timing
from zoo.runner.constants import stage_constants
from zoo.runner.environment import data_digest, enable_compilation_cache, environment
from zoo.runner.log import Logged
from zoo.runner.loop import train
from zoo.runner.observer import Observer
from zoo.runner.result import result, stage_summary
from zoo.runner.run_directory import RunDirectory, choose
from zoo.runner.signals import StopRequest
from zoo.runner.streams import stream
from zoo.runner.time_limit import fitted
from zoo.runner.trainer import StageData, Trainer
from zoo.runner.validation import Validator
from zoo.schemes.generation import Generator
from zoo.schemes.model import Model
from zoo.shelf.files import write_json


@dataclass(frozen=True)
class RunOptions:
    """What `zoo run` may say beside the recipe."""

    runs: Path = Path("runs")
    time_limit: float | None = None
    """Seconds the whole run may take; None for as long as the recipe says."""
    run_id: str | None = None
    new: bool = False


def run(loaded: LoadedRecipe, options: RunOptions, observer: Observer) -> RunDirectory:
    """Start or continue a run, to its end; a finished one is returned as it is.

    Raises:
        ZooError: the recipe, the data or the run directory cannot be used.
        Interrupted: a signal asked to stop; the same call continues.
    """
    begun = time.perf_counter()
    directory = _directory(loaded, options)
    if directory.finished:
        return directory
    directory.lock()
    try:
        with StopRequest() as stop:
            _run(directory, loaded, options, Logged(observer), stop, begun)
    finally:
        directory.unlock()
    return directory


def _directory(loaded: LoadedRecipe, options: RunOptions) -> RunDirectory:
    """The run a recipe file belongs to, if it lies in one; else the one its name and content ask for."""
    inside = RunDirectory(loaded.path.parent)
    if inside.recipe_file == loaded.path and inside.environment_file.exists():
        return choose(loaded.path.parents[2], inside.name, loaded.recipe, inside.path.name, new=False)
    return choose(options.runs, loaded.name, loaded.recipe, options.run_id, options.new)


def _run(
    directory: RunDirectory,
    loaded: LoadedRecipe,
    options: RunOptions,
    observer: Logged,
    stop: StopRequest,
    begun: float,
) -> None:
    enable_compilation_cache()
    started = directory.recipe_file.exists()
    recipe = directory.recipe() if started else loaded.recipe
    detector = recipe.detector.build()
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
    del events
    if started:
        directory.check_data(provenance["sha256"])
        observer.to(directory.log_file)
        observer.message(f"continuing {directory.path}")
    else:
        if options.time_limit is not None:
            observer.message("timing a few steps of every stage")
            recipe = fitted(recipe, detector, data, test, options.time_limit, time.perf_counter() - begun)
            observer.message(_fitted_line(recipe))
        about = environment() | {"requested_digest": digest(loaded.recipe), "data": provenance}
        directory.create(recipe, about | {"digest": digest(recipe), "time_limit_seconds": options.time_limit})
        observer.to(directory.log_file)
        observer.message(f"run directory {directory.path}")
    stages, model, trainer = _train_stages(directory, recipe, data, observer, stop)
    _finish(directory, recipe, model, trainer, stages, test, provenance, observer, stop)


def _train_stages(
    directory: RunDirectory, recipe: Recipe, data: StageData, observer: Observer, stop: StopRequest
) -> tuple[dict[str, dict[str, Any]], Model, Trainer]:
    """Every stage in order, each with the earlier ones frozen; the last model is the surrogate."""
    detector = recipe.detector.build()
    earlier: dict[str, Model] = {}
    summaries: dict[str, dict[str, Any]] = {}
    trainer: Trainer | None = None
    for name, stage in recipe.stages.items():
        folder = directory.checkpoints / name
        constants = stage_constants(folder, stage.model, detector, data.train)
        trainer = Trainer(name, stage, detector, data, constants, dict(earlier), recipe.seed)
        if trainer.dtype == np.float32 and jax.default_backend() == "cpu":
            observer.message(
                f"stage {name}: computing in float32 (bfloat16 is for GPU and TPU; a CPU only emulates it)"
            )
        validator = Validator(detector, data.validation, stage.train.validate_events, trainer.validation_key)
        begun = time.perf_counter()
        trained = train(trainer, validator, folder, directory.journal, observer, stop)
        seconds = directory.add_seconds(name, time.perf_counter() - begun)
        earlier[name] = trained.model
        summaries[name] = stage_summary(trained.model, trained.steps, stage.train.batch_size, trained.healthy, seconds)
        if not trained.healthy:
            break
    assert trainer is not None
    return summaries, earlier[list(earlier)[-1]], trainer


def _finish(
    directory: RunDirectory,
    recipe: Recipe,
    model: Model,
    trainer: Trainer,
    stages: dict[str, dict[str, Any]],
    test: Any,
    provenance: dict[str, Any],
    observer: Observer,
    stop: StopRequest,
) -> None:
    """Evaluate on the test split, draw, and write `result.json` last."""
    detector = recipe.detector.build()
    evaluation, times, arrays = None, None, None
    generator = Generator(model, trainer.dtype)
    complete = len(stages) == len(recipe.stages)
    if complete:
        key = stream(recipe.seed, "evaluation")
        evaluation, arrays = assess(generator, detector, test, recipe.evaluate, key, observer, stop)
        if recipe.evaluate.timing:
            times = timing(generator, Generator(model, trainer.dtype, chunk=1), test, key)
    document = result(directory.name, recipe, stages, evaluation, times, device_description(), provenance)
    from zoo.report.plots import draw_run

    if arrays is not None:
        directory.save_arrays(arrays)
    draw_run(directory.plots, detector, document, list(directory.journal.lines()), arrays)
    write_json(directory.result_file, document)


def _fitted_line(recipe: Recipe) -> str:
    parts = [f"{name} {stage.train.epochs:g} epochs" for name, stage in recipe.stages.items()]
    limited = recipe.evaluate.events
    return "time limit: " + ", ".join(parts) + (f"; {limited} test events are evaluated" if limited else "")
