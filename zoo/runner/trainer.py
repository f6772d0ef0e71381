"""One stage, ready to train: model, optimizers, compiled steps, data order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import numpy as np
import optax
from jaxtyping import PyTree, Shaped

from zoo.data.batches import BatchOrder
from zoo.data.constants import Constants
from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.errors import RecipeError
from zoo.layers.placement import Placement, placed
from zoo.optim.precision import compute_dtype
from zoo.recipe.schema import Stage, TrainConfig
from zoo.runner.state import TrainState, initial_state
from zoo.runner.step import Progress, Stepper
from zoo.runner.streams import stream, stream_number
from zoo.schemes.examination import Encoder
from zoo.schemes.model import Model
from zoo.schemes.scheme import Encoding, Watch


@dataclass(frozen=True)
class StageData:
    """The events a stage is trained and validated on."""

    train: Events
    validation: Events


class Trainer:
    """Everything about one stage that does not change while it trains."""

    def __init__(
        self,
        name: str,
        stage: Stage,
        detector: Detector,
        data: StageData,
        constants: Constants,
        earlier: Mapping[str, Model],
        seed: int,
    ) -> None:
        config = stage.train
        assert config is not None, "a stage whose scheme has players has [train]"
        self.name, self.config, self.data = name, config, data
        self.dtype = compute_dtype(config.precision)
        self.model = stage.model.build(detector, constants, earlier, key=stream(seed, "init", name))
        self.order = BatchOrder(len(data.train), config.batch_size, seed, stream_number("data", name))
        self.steps = self.order.steps(config.epochs)
        self.validation_key = stream(seed, "validation", name)
        self.optimizers = self._optimizers(config)
        self._codes: PyTree[Shaped[np.ndarray, "N ..."]] | None = None
        self._placement = Placement(config.devices or 1)
        self._stepper = Stepper(
            self.optimizers,
            decay=config.ema,
            dtype=self.dtype,
            loss_key=stream(seed, "loss", name),
            steps=self.steps,
            placement=self._placement,
        )

    def start(self) -> TrainState:
        """The state before step 0, on the first device."""
        return placed(initial_state(self.model, self.optimizers, averaged=self.config.ema is not None))

    def shared(self, state: TrainState) -> TrainState:
        """The state on every device that trains; `placed` brings it back to the first."""
        return self._placement.everywhere(state)

    def encode(self, watch: Watch, blocks: int | None = None) -> None:
        """Encode the training events, where the scheme learns their codes; once, before the first step.

        Args:
            watch: is told of the progress.
            blocks: encode only so many and let them stand for all, where it is the time of a step that matters.
        """
        if not (isinstance(self.model.scheme, Encoding) and self.model.scheme.fixed):
            return
        events, encoder = self.data.train, Encoder(self.model, self.dtype)
        starts = range(0, len(events), encoder.chunk)[:blocks]
        parts = []
        for start in watch(starts):
            block = events[start : start + encoder.chunk]
            parts += [code for _, code in encoder.chunks(block, self.validation_key)]
        self._codes = jax.tree.map(lambda *part: _resized(np.concatenate(part), len(events)), *parts)

    def advance(self, state: TrainState, step: int, steps: int) -> tuple[TrainState, Progress]:
        """Take `steps` steps from `step` in one dispatch; the given state is consumed."""
        rows = np.stack(
            [self.order.rows(step + min(number, steps - 1)) for number in range(self.config.steps_per_dispatch)]
        )
        train = self.data.train
        codes = jax.tree.map(lambda code: code[rows], self._codes)
        raw = (train.counts[rows], train.particles[rows].astype(np.float32), codes)
        return self._stepper(state, self._placement.parted(raw, axis=1), self._placement.everywhere(np.int32(steps)))

    def steps_every(self, epochs: float) -> int:
        """Steps in so many epochs, at least one."""
        return max(1, round(epochs * len(self.data.train) / self.config.batch_size))

    @property
    def schedule_examples(self) -> int:
        """Training events that the learning rate schedule is laid out for."""
        return self.config.schedule_examples or len(self.data.train)

    def _optimizers(self, config: TrainConfig) -> dict[str, optax.GradientTransformation]:
        """One chain per player, with the player's own settings where `[train.players]` gives them."""
        players = self.model.scheme.players()
        unknown = sorted(set(config.players) - set(players))
        if unknown:
            raise RecipeError(
                f"stages.{self.name}.train.players.{player}: the scheme has no such player; it has {', '.join(players)}"
                for player in unknown
            )
        steps = max(1, round(config.epochs * self.schedule_examples / config.batch_size))
        chains = {}
        for player in players:
            own = config.players.get(player)
            optimizer = own.optimizer if own and own.optimizer else config.optimizer
            schedule = own.schedule if own and own.schedule else config.schedule
            clip = own.clip if own and own.clip else config.clip
            rule = optimizer.build(schedule.build(optimizer.learning_rate, steps))
            chains[player] = rule if clip is None else optax.chain(optax.clip_by_global_norm(clip), rule)
        return chains


def _resized(codes: Shaped[np.ndarray, "n ..."], events: int) -> Shaped[np.ndarray, "N ..."]:
    """As many codes as events, over and over again."""
    return codes if len(codes) == events else codes[np.arange(events) % len(codes)]
