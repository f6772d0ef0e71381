"""The fitted numbers of a stage: from disk, or fitted now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import jax.numpy as jnp
import numpy as np

from zoo.data.constants import Constants
from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.runner.observer import Observer
from zoo.runner.signals import StopRequest
from zoo.runner.trainer import StageData
from zoo.schemes.generation import CHUNK, Generator
from zoo.schemes.model import Model, ModelConfig
from zoo.schemes.scheme import Generate, Watch
from zoo.shelf.constants import FILE, load_constants, save_constants
from zoo.typing import Key

T = TypeVar("T")


def stage_constants(
    folder: Path,
    config: ModelConfig,
    detector: Detector,
    data: StageData,
    earlier: Mapping[str, Model],
    generate: Generate,
    watch: Watch,
) -> Constants:
    """The constants stored in the folder, or freshly fitted on the stage's events and stored."""
    path = folder / FILE
    if not path.exists():
        save_constants(path, config.fit(detector, data.train, earlier, generate, data.validation, watch))
    return load_constants(path)


def generation(
    earlier: Mapping[str, Model], train: Events, key: Key, observer: Observer, stop: StopRequest
) -> Generate:
    """How an earlier stage answers the training particles: in float32, as it does inside a later stage.

    Raises:
        Interrupted: a signal asked to stop; what was to be fitted is fitted anew next time.
    """

    def generate(stage: str) -> Iterator[tuple[slice, np.ndarray]]:
        observer.begin(f"generate with {stage}", len(train))
        for rows, generated in Generator(earlier[stage], jnp.dtype("float32"), min(CHUNK, len(train))).chunks(
            train.particles, key
        ):
            stop.check()
            yield rows, generated
            observer.advance(rows.stop, {})
        observer.end()

    return generate


def watching(work: str, observer: Observer, stop: StopRequest) -> Watch:
    """How long work on a stage is followed, such as "fit main".

    Raises:
        Interrupted: a signal asked to stop; the work starts over next time.
    """

    def watch(parts: Sequence[T]) -> Iterator[T]:
        observer.begin(work, len(parts))
        for number, part in enumerate(parts):
            stop.check()
            observer.advance(number, {})
            yield part
        observer.end()

    return watch
