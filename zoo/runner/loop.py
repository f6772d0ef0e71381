"""The training loop: one for every scheme, player and stage."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import equinox as eqx
import numpy as np

from zoo.runner.journal import Journal
from zoo.runner.observer import Observer
from zoo.runner.signals import StopRequest
from zoo.runner.state import TrainState, inference_model
from zoo.runner.trainer import Trainer
from zoo.runner.validation import Validator
from zoo.schemes.generation import Generator
from zoo.schemes.model import Model
from zoo.shelf.store import Store

LOG_LINES = 500
"""Lines of training metrics that a stage writes, at most."""


@dataclass(frozen=True)
class Trained:
    """What became of a stage."""

    model: Model
    """The kept weights, averaged where the run averages."""
    steps: int
    healthy: bool
    """False if a loss or gradient was not finite at `steps`; the kept weights are from before."""


class StageStores:
    """The checkpoints of one stage."""

    def __init__(self, folder: Path) -> None:
        self.state = Store(folder / "state", keep=2)
        self.best = Store(folder / "best", keep=1)
        self.last = Store(folder / "last", keep=1)

    def close(self) -> None:
        """Release all of them."""
        for store in (self.state, self.best, self.last):
            store.close()


def train(
    trainer: Trainer, validator: Validator, folder: Path, journal: Journal, observer: Observer, stop: StopRequest
) -> Trained:
    """Train a stage to its end, from its newest checkpoint if there is one.

    Raises:
        Interrupted: a signal asked to stop; the state is saved.
    """
    stores = StageStores(folder)
    try:
        return _train(trainer, validator, stores, journal, observer, stop)
    finally:
        stores.close()


def _train(
    trainer: Trainer,
    validator: Validator,
    stores: StageStores,
    journal: Journal,
    observer: Observer,
    stop: StopRequest,
) -> Trained:
    config, steps = trainer.config, trainer.steps
    state: TrainState | None = None
    if stores.last.latest() is None:
        state = eqx.filter_eval_shape(trainer.start)
        resumed = stores.state.latest() is not None
        # Start and resume are one path: a fresh state is only the one of step 0.
        state = stores.state.restore(state) if resumed else trainer.start()
        step = int(state.step)
        journal.rewind(trainer.name, step)
        best = min((line["wasserstein"] for line in _validations(journal, trainer.name)), default=math.inf)
        observer.begin(f"train {trainer.name}", steps, step)
        validate_every = trainer.steps_every(config.validate_every)
        log_every = max(1, steps // LOG_LINES)
        saved = time.monotonic()
        healthy, sums, counted, numbers = True, {}, 0, {}
        while step < steps and healthy:
            until = min(steps, step - step % validate_every + validate_every)
            state, progress = trainer.advance(state, step, min(config.steps_per_dispatch, until - step))
            healthy, taken = bool(progress.healthy), int(progress.steps)
            step, before = step + taken, step
            counted += taken
            sums = {name: sums.get(name, 0.0) + float(value) for name, value in progress.metrics.items()}
            if healthy and (step // log_every > before // log_every or step == steps):
                numbers |= {name: value / counted for name, value in sums.items()}
                journal.write("train", trainer.name, step, epoch=_epoch(trainer, step), **_means(sums, counted))
                sums, counted = {}, 0
            if healthy and (step % validate_every == 0 or step == steps):
                found = validator(Generator(inference_model(state), trainer.dtype))
                journal.write("validation", trainer.name, step, epoch=_epoch(trainer, step), **found)
                numbers |= {f"validation {name}": value for name, value in found.items()}
                if found["wasserstein"] < best:
                    best = found["wasserstein"]
                    stores.best.save(step, inference_model(state))
            observer.advance(step, numbers)
            overdue = time.monotonic() - saved >= config.checkpoint_seconds
            if overdue or stop.number is not None or step == steps or not healthy:
                stores.state.save(step, state)
                saved = time.monotonic()
            stop.check()
        observer.end()
        if not healthy:
            journal.write("diverged", trainer.name, step + 1)
            observer.message(
                f"stage {trainer.name}: loss or gradient not finite at step {step + 1}; the last good weights, of step "
                f"{step}, are kept"
            )
        stores.last.save(step, inference_model(state))
    step = stores.last.latest() or 0
    keep_best = config.keep == "best" and stores.best.latest() is not None
    store = stores.best if keep_best else stores.last
    model = store.restore(eqx.filter_eval_shape(lambda: inference_model(trainer.start())))
    return Trained(model, step, step == steps)


def _means(sums: dict[str, float], count: int) -> dict[str, float]:
    return {name: value / count for name, value in sums.items()}


def _epoch(trainer: Trainer, step: int) -> float:
    return round(step * trainer.config.batch_size / len(trainer.data.train), 4)


def _validations(journal: Journal, stage: str) -> list[dict[str, float]]:
    lines = (line for line in journal.lines() if line["event"] == "validation" and line["stage"] == stage)
    return [dict(line) for line in lines if line["wasserstein"] is not None and np.isfinite(line["wasserstein"])]
