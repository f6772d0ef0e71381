"""`--time-limit`: how many epochs fit, found once and written into the resolved recipe."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.errors import ZooError
from zoo.evaluation.metrics.metric import build_metrics
from zoo.layers.placement import placed
from zoo.optim.precision import compute_dtype
from zoo.recipe.load import with_values
from zoo.recipe.schema import Recipe, TrainConfig
from zoo.runner.assess import CALLS, CALLS_IF_SLOW, SLOW_SECONDS
from zoo.runner.devices import sharing
from zoo.runner.state import inference_model
from zoo.runner.streams import stream
from zoo.runner.trainer import StageData, Trainer
from zoo.schemes.examination import Examiner
from zoo.schemes.generation import CHUNK, Generator
from zoo.schemes.model import Model
from zoo.schemes.scheme import EventScheme, Examined, Reconstructing, Tokenising
from zoo.typing import Key

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
EVALUATION_SHARE = 0.25
"""Largest part of the limit that goes into generating the test responses."""
VALIDATION_SHARE = 0.1
"""Largest part of a stage's time that goes into validation."""
COMPARED = 64
"""Pairs of responses that the recipe's own metrics are timed on."""
RESERVE = 0.05
"""Part of the limit kept for loading, saving, metrics and plots."""


def parse_duration(text: str) -> float:
    """Seconds of "90s", "10m", "1.5h", "1h30m" or a plain number of seconds.

    Raises:
        ZooError: the text is none of these, or not positive.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smhd])", text)
    plain = re.fullmatch(r"\d+(?:\.\d+)?", text.strip())
    whole = "".join(f"{number}{unit}" for number, unit in parts) == text.replace(" ", "")
    seconds = float(text) if plain else sum(float(number) * UNITS[unit] for number, unit in parts) if whole else 0.0
    if not 0 < seconds < 1e8:
        raise ZooError(f"--time-limit {text!r}: give a duration such as 90s, 10m, 1h30m")
    return seconds


@dataclass(frozen=True)
class Pace:
    """Measured cost of one stage."""

    step_seconds: float
    """0 for a stage that is only fitted."""
    sample_seconds: float
    """To generate one response, or to judge one where the scheme is about given ones."""
    sampler_seconds: float
    """What compiling the sampler takes."""
    devices: int
    """How many chunks are generated at the same time."""
    generates: bool
    fit_seconds: float
    """What fitting takes, with what earlier stages generate and encode for it."""
    judge_seconds: float
    """What is asked about one test event, beside what the stage generates."""

    def timing_seconds(self) -> float:
        """What the time per sample costs: a sampler for single particles, and a few whole chunks."""
        chunk = CHUNK * self.devices * self.sample_seconds
        return self.sampler_seconds + (CALLS_IF_SLOW if 2 * chunk > SLOW_SECONDS else CALLS) * chunk


def fitted(
    recipe: Recipe,
    detector: Detector,
    data: StageData,
    test: Events,
    seconds: float,
    spent: float,
    ready: Collection[str] = (),
) -> Recipe:
    """The recipe with epochs, validation and evaluation that fit into `seconds`, of which `spent` are gone.

    Everything that follows is determined by the returned recipe, not by the clock. Stages that are `ready` are trained
    already: they cost no time, and stay as they are.
    """
    begun = time.perf_counter()
    compare_seconds = _comparison(recipe, detector, data.validation)
    paces = _paces(recipe, detector, data, ready, compare_seconds)
    left = seconds * (1 - RESERVE) - spent - (time.perf_counter() - begun)
    left -= sum(pace.fit_seconds for pace in paces.values())
    values: dict[str, Any] = {}
    final = list(recipe.stages)[-1]
    events = min(len(test), recipe.evaluate.events or len(test))
    per_event = paces[final].sample_seconds
    if paces[final].generates:
        per_event = recipe.evaluate.repeats * (per_event + compare_seconds)
    # Whole chunks, since a part of one costs as much; one however short the limit.
    affordable = max(1, int(EVALUATION_SHARE * seconds / max(per_event, 1e-9)) // CHUNK) * CHUNK
    if affordable < events:
        events = values["evaluate.events"] = affordable
    left -= events * (per_event + sum(pace.judge_seconds for pace in paces.values()))
    if recipe.evaluate.timing and paces[final].generates:
        left -= paces[final].timing_seconds()
    trained = {
        name: stage.train
        for name, stage in recipe.stages.items()
        if stage.train and stage.model.scheme.trained and name not in ready
    }
    for name, train in trained.items():
        share = max(left, 0.0) * train.time_share / sum(each.time_share for each in trained.values())
        values |= _stage_values(name, train, paces[name], len(data.train), len(data.validation), share)
    return with_values(recipe, values)


def _stage_values(
    name: str, train: TrainConfig, pace: Pace, events: int, validation: int, share: float
) -> dict[str, Any]:
    per_validation = min(train.validate_events, validation) * pace.sample_seconds + 0.5
    validations = max(1, min(20, int(VALIDATION_SHARE * share / per_validation)))
    steps = max(1, int((share - validations * per_validation) / pace.step_seconds))
    epochs = max(1e-4, round(steps * train.batch_size / events, 4))
    prefix = f"stages.{name}.train"
    return {
        f"{prefix}.epochs": min(epochs, 1e6),
        f"{prefix}.validate_every": min(max(1e-4, round(epochs / validations, 4)), 1e6),
    }


def _comparison(recipe: Recipe, detector: Detector, events: Events) -> float:
    """Seconds that the recipe's own metrics take for one response, their floor included."""
    metrics = build_metrics(recipe.evaluate.metrics, detector)
    few, particles = events.counts[:COMPARED], events.particles[:COMPARED]
    begun = 0.0
    for _ in ("to compile", "warm"):
        begun = time.perf_counter()
        for metric in metrics.values():
            metric.keep(few, few, particles)
    # Half as many pairs of GEANT's own are compared for the floor.
    return 1.5 * (time.perf_counter() - begun) / len(few)


def _paces(
    recipe: Recipe, detector: Detector, data: StageData, ready: Collection[str], compare_seconds: float
) -> Mapping[str, Pace]:
    """Compile every stage once and time a few of its dispatches and one generated chunk."""
    paces: dict[str, Pace] = {}
    earlier: dict[str, Model] = {}
    for name, stage in recipe.stages.items():
        answers = _Repeated(earlier, data, stream(recipe.seed, "pace", name))
        begun = time.perf_counter()
        constants = stage.model.fit(detector, data.train, earlier, answers, data.validation)
        fit_seconds = time.perf_counter() - begun
        step_seconds = encode_seconds = 0.0
        if stage.model.scheme.trained and name not in ready:
            trainer = Trainer(name, stage, detector, data, constants, dict(earlier), recipe.seed)
            encode_seconds = _encode_seconds(trainer)
            step_seconds, model = _step_pace(trainer)
        else:
            model = stage.model.build(detector, constants, dict(earlier), key=stream(recipe.seed, "init", name))
        stepped = time.perf_counter()
        generates = not isinstance(model.scheme, EventScheme)
        devices = sharing(recipe) if generates else 1
        dtype = compute_dtype(stage.precision)
        answer = _answer(model, dtype, data.validation[:CHUNK], stream(recipe.seed, "pace"), devices)
        answer()
        warm = time.perf_counter()
        answer()
        sample_seconds = (time.perf_counter() - warm) / (CHUNK * devices)
        roles = sum(isinstance(model.scheme, role) for role in (Examined, Reconstructing, Tokenising))
        paces[name] = Pace(
            step_seconds=step_seconds,
            sample_seconds=sample_seconds,
            sampler_seconds=warm - stepped,
            devices=devices,
            generates=generates,
            judge_seconds=roles * sample_seconds + isinstance(model.scheme, Reconstructing) * compare_seconds,
            fit_seconds=fit_seconds
            + encode_seconds
            + len(data.train) * sum(paces[asked].sample_seconds for asked in answers.asked),
        )
        earlier[name] = model
    return paces


def _encode_seconds(trainer: Trainer) -> float:
    """What encoding the training events takes, if the stage learns codes; leaves the trainer with a few for all."""
    trainer.encode(lambda parts: iter(parts), blocks=1)
    begun = time.perf_counter()
    trainer.encode(lambda parts: iter(parts), blocks=1)
    return (time.perf_counter() - begun) * -(-len(trainer.data.train) // CHUNK)


def _step_pace(trainer: Trainer) -> tuple[float, Model]:
    """Seconds per training step once compiled, and the model that was trained a little."""
    per_dispatch = trainer.config.steps_per_dispatch
    state, progress = trainer.advance(trainer.shared(trainer.start()), 0, per_dispatch)
    jax.block_until_ready(progress)
    compiled = time.perf_counter()
    dispatches = 0
    while dispatches < 3 or (time.perf_counter() - compiled < 3.0 and dispatches < 50):
        state, progress = trainer.advance(state, 0, per_dispatch)
        jax.block_until_ready(progress)
        dispatches += 1
    return (time.perf_counter() - compiled) / (dispatches * per_dispatch), placed(inference_model(state))


def _answer(model: Model, dtype: jnp.dtype, events: Events, key: Key, devices: int) -> Callable[[], object]:
    """What one chunk of events per device is generated, or judged, with."""
    if isinstance(model.scheme, EventScheme):
        examiner = Examiner(model, dtype)
        return lambda: examiner.means(events, key)
    generator = Generator(model, dtype, devices=devices)
    return lambda: jax.block_until_ready(generator.together([events.particles] * devices, key))


class _Repeated:
    """Stands in for earlier stages while time is taken: every chunk is the first one over again."""

    def __init__(self, earlier: Mapping[str, Model], data: StageData, key: Key) -> None:
        self._earlier, self._particles, self._key = earlier, data.train.particles, key
        self.asked: list[str] = []

    def __call__(self, stage: str) -> Iterator[tuple[slice, np.ndarray]]:
        self.asked.append(stage)
        generator = Generator(self._earlier[stage], jnp.dtype("float32"))
        first = np.asarray(generator(self._particles[: generator.chunk], self._key))
        for start in range(0, len(self._particles), generator.chunk):
            rows = slice(start, min(start + generator.chunk, len(self._particles)))
            yield rows, first[: rows.stop - rows.start]
