"""The training loop: one for every scheme, player and stage."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import equinox as eqx

from zoo.layers.placement import placed
from zoo.runner.constants import watching
from zoo.runner.journal import Journal
from zoo.runner.observer import Observer
from zoo.runner.signals import StopRequest
from zoo.runner.state import TrainState, inference_model
from zoo.runner.trainer import Trainer
from zoo.runner.validation import Validator
from zoo.runner.verdict import Verdict, not_finite, verdict
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
    kept: Literal["best", "last"]
    """The checkpoint they are from."""
    kept_step: int
    verdict: Verdict | None = None
    """Why the stage did not converge; the kept weights are from before."""


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
        if stores.last.latest() is None:
            _Loop(trainer, validator, stores, journal, observer, stop).run()
        step, best = stores.last.latest() or 0, stores.best.latest()
        found = not_finite(step + 1) if step < trainer.steps else _verdict(trainer, validator, journal)
        # The weights from before a broken step are good; those at the end of a collapse are not.
        lost = found is not None and not found.ended
        kept = "best" if best is not None and (trainer.config.keep == "best" or lost) else "last"
        kept_step = best if best is not None and kept == "best" else step
        if found is not None:
            weights = f"the last good weights, of step {kept_step}, are kept"
            observer.message(f"stage {trainer.name}: {found.reason}; {weights}")
        template = eqx.filter_eval_shape(lambda: inference_model(trainer.start()))
        model = (stores.best if kept == "best" else stores.last).restore(template)
        return Trained(model, step, kept, kept_step, found)
    finally:
        stores.close()


def fitted_only(model: Model, folder: Path) -> Trained:
    """A stage without players: there is nothing to train once its constants are fitted; its model is kept."""
    store = Store(folder / "last", keep=1)
    try:
        if store.latest() is None:
            store.save(0, model)
    finally:
        store.close()
    return Trained(model, 0, "last", 0)


class _Loop:
    """The state of one stage's training, and what happens between two dispatches."""

    def __init__(
        self,
        trainer: Trainer,
        validator: Validator,
        stores: StageStores,
        journal: Journal,
        observer: Observer,
        stop: StopRequest,
    ) -> None:
        self.trainer, self.validator, self.stores = trainer, validator, stores
        self.journal, self.observer, self.stop = journal, observer, stop
        # Start and resume are one path: a fresh state is only the one of step 0.
        resumed = stores.state.latest() is not None
        template = eqx.filter_eval_shape(trainer.start)
        self.state: TrainState = trainer.shared(stores.state.restore(template) if resumed else trainer.start())
        self.step = int(self.state.step)
        journal.rewind(trainer.name, self.step)
        known = (line[validator.criterion] for line in _validations(journal, trainer.name))
        self.best = min((value for value in known if value is not None), default=math.inf)
        self.warned = False
        self.validate_every = trainer.steps_every(trainer.config.validate_every)
        self.log_every = max(1, trainer.steps // LOG_LINES)
        self.sums: dict[str, float] = {}
        self.counted = 0
        self.numbers: dict[str, float] = {}
        self.saved = time.monotonic()

    def run(self) -> None:
        """From the current step to the last one, or to the first that is not healthy."""
        trainer, steps = self.trainer, self.trainer.steps
        trainer.encode(watching(f"encode for {trainer.name}", self.observer, self.stop))
        self.observer.begin(f"train {trainer.name}", steps, self.step)
        healthy = True
        while healthy and self.step < steps:
            before = self.step
            healthy = self._dispatch()
            if healthy and (self.step // self.log_every > before // self.log_every or self.step == steps):
                self._log()
            if healthy and (self.step % self.validate_every == 0 or self.step == steps):
                self._validate()
            self.observer.advance(self.step, self.numbers)
            overdue = time.monotonic() - self.saved >= trainer.config.checkpoint_seconds
            if overdue or not healthy or self.step == steps or self.stop.number is not None:
                self.stores.state.save(self.step, placed(self.state))
                self.saved = time.monotonic()
            self.stop.check()
        self.observer.end()
        if not healthy:
            self.journal.write("diverged", trainer.name, self.step + 1)
        self.stores.last.save(self.step, self._model())

    def _dispatch(self) -> bool:
        """Take the steps of one dispatch, not beyond the next validation; False if one was not healthy."""
        until = min(self.trainer.steps, self.step - self.step % self.validate_every + self.validate_every)
        steps = min(self.trainer.config.steps_per_dispatch, until - self.step)
        self.state, progress = self.trainer.advance(self.state, self.step, steps)
        taken = int(progress.steps)
        self.step += taken
        self.counted += taken
        for name, value in progress.metrics.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value)
        return bool(progress.healthy)

    def _log(self) -> None:
        means = {name: value / self.counted for name, value in self.sums.items()}
        self.journal.write("train", self.trainer.name, self.step, epoch=self._epoch(), **means)
        self.numbers |= means
        self.sums, self.counted = {}, 0

    def _validate(self) -> None:
        model = self._model()
        found = self.validator(model, self.trainer.dtype)
        self.journal.write("validation", self.trainer.name, self.step, epoch=self._epoch(), **found)
        self.numbers |= {f"validation {name}": value for name, value in found.items()}
        self._warn()
        if found[self.validator.criterion] < self.best:
            self.best = found[self.validator.criterion]
            self.stores.best.save(self.step, model)

    def _warn(self) -> None:
        """Say once that things look bad; the training goes on, since they may get better."""
        found = _verdict(self.trainer, self.validator, self.journal)
        if found is not None and not self.warned:
            self.observer.message(f"stage {self.trainer.name}: {found.reason}; the training goes on")
        self.warned = found is not None

    def _model(self) -> Model:
        """The model to generate with, on the first device: a checkpoint knows nothing of how many trained it."""
        return placed(inference_model(self.state))

    def _epoch(self) -> float:
        return round(self.step * self.trainer.config.batch_size / len(self.trainer.data.train), 4)


def _validations(journal: Journal, stage: str) -> list[Mapping[str, Any]]:
    """The validations of a stage so far; numbers that were not finite are None."""
    return [line for line in journal.lines() if line["event"] == "validation" and line["stage"] == stage]


def _verdict(trainer: Trainer, validator: Validator, journal: Journal) -> Verdict | None:
    if validator.silence is None:
        return None
    return verdict(_validations(journal, trainer.name), validator.silence)
