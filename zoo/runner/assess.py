"""The final evaluation of a run on the test split."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.errors import ZooError
from zoo.evaluation.aligned import AlignedProfiles
from zoo.evaluation.metrics.metric import build_metrics
from zoo.evaluation.protocol import Evaluation
from zoo.evaluation.timing import device_description, time_per_sample
from zoo.recipe.schema import EvaluateConfig
from zoo.runner.observer import Observer
from zoo.runner.signals import StopRequest
from zoo.schemes.examination import Examiner
from zoo.schemes.generation import Generator
from zoo.typing import Key

SLOW_SECONDS = 20.0
"""Two generated chunks that take longer are timed less often."""
CALLS, CALLS_IF_SLOW = 7, 4
"""Generated chunks per timing, the two that warm up included."""
EXAMPLES = 7
"""Test events whose generated responses are kept for the pictures."""


class NotFinite(ZooError):
    """A model that cannot be evaluated."""


Chunks = Callable[[int], Iterator[tuple[slice, np.ndarray]]]
"""Number of a repeat to (rows, photons): a response to every test event, chunk by chunk."""


def assess(
    generator: Generator,
    detector: Detector,
    test: Events,
    config: EvaluateConfig,
    key: Key,
    observer: Observer,
    stop: StopRequest,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """`compare` for generated responses: every test particle is generated `repeats` times with different noise."""
    test = test if config.events is None else test[: config.events]

    def generated(repeat: int) -> Iterator[tuple[slice, np.ndarray]]:
        return generator.chunks(test.particles, jax.random.fold_in(key, repeat))

    return compare(generated, detector, test, config, observer, stop)


def compare(
    responses: Chunks,
    detector: Detector,
    test: Events,
    config: EvaluateConfig,
    observer: Observer,
    stop: StopRequest,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(metrics as `Evaluation.compute` gives them, arrays for the plots).

    The plot arrays are the channel sums `true_channels` (N, R) and `channels` (repeats, N, R), and `true_examples`
    (E, H, W), `examples` (repeats, E, H, W) and `example_particles` for a few events; for a detector of one channel
    also mean profiles about the expected hit, `true_profiles` (2, K) and `profiles` (repeats, 2, K), and `energies`
    (N,) of the particles.

    Raises:
        ComponentError: a metric of the recipe cannot be had.
        Interrupted: a signal asked to stop; the evaluation starts over next time.
        NotFinite: a response is not finite.
    """
    readout = detector.readout if len(detector.readout) else None
    evaluation = Evaluation(
        test.counts,
        test.particles,
        readout,
        repeats=config.repeats,
        bootstrap=config.bootstrap,
        metrics=build_metrics(config.metrics, detector),
    )
    chosen = example_rows(test)
    examples: list[np.ndarray] = []
    channels: list[np.ndarray] = []
    profiles = [AlignedProfiles(detector) for _ in range(1 + config.repeats)] if _one_channel(detector) else []
    observer.begin("evaluate", config.repeats * len(test))
    for repeat in range(config.repeats):
        kept, sums = {}, []
        for rows, generated in responses(repeat):
            stop.check()
            if not np.isfinite(generated).all():
                raise NotFinite("generated responses to the test particles are not finite")
            evaluation.update(repeat, rows, generated)
            sums.append(channel_sums(generated, detector))
            if profiles and generated.ndim == 3:
                profiles[1 + repeat].update(generated, test.particles[rows])
            kept |= {event: generated[event - rows.start] for event in chosen if rows.start <= event < rows.stop}
            observer.advance(repeat * len(test) + rows.stop, {})
        channels.append(np.concatenate(sums))
        examples.append(np.stack([kept[event] for event in chosen]))
    observer.end()
    arrays = {
        "true_channels": channel_sums(test.counts, detector),
        "channels": np.stack(channels),
        "true_examples": test.counts[chosen].astype(np.float32),
        "examples": np.stack(examples),
        "example_particles": test.particles[chosen],
    }
    if profiles and examples[0].ndim == 3:
        profiles[0].update(test.counts, test.particles)
        simulated, *made = (gathered.compute() for gathered in profiles)
        arrays |= {"true_profiles": simulated, "profiles": np.stack(made)}
        if "energy" in detector.column_names:
            arrays["energies"] = detector.column(test.particles, "energy")
    return evaluation.compute(), arrays


def examine(
    examiner: Examiner, test: Events, config: EvaluateConfig, key: Key, observer: Observer, stop: StopRequest
) -> dict[str, Any]:
    """The `errors` of a model about given responses, averaged over the test events, and the number of these `events`.

    Raises:
        Interrupted: a signal asked to stop; the evaluation starts over next time.
    """
    test = test if config.events is None else test[: config.events]
    sums: dict[str, float] = {}
    observer.begin("evaluate", len(test))
    for rows, errors in examiner.chunks(test, key):
        stop.check()
        for name, values in errors.items():
            sums[name] = sums.get(name, 0.0) + float(values.sum(dtype=np.float64))
        observer.advance(rows.stop, {})
    observer.end()
    return {"errors": {name: total / len(test) for name, total in sums.items()}, "events": len(test)}


def _one_channel(detector: Detector) -> bool:
    """Whether the channels tell no more than the total signal, so that pictures have to."""
    return len(detector.readout) == 1


def example_rows(test: Events) -> list[int]:
    """Test events for the pictures: spread over the range of the photon sum, the same for every model."""
    order = np.argsort(test.counts.sum(axis=(1, 2), dtype=np.float64), kind="stable")
    quantiles = np.linspace(0.1, 0.98, min(EXAMPLES, len(test)))
    return [int(order[int(q * (len(order) - 1))]) for q in quantiles]


def channel_sums(responses: np.ndarray, detector: Detector) -> np.ndarray:
    """Channel sums (N, R) of responses (N, H, W); R may be 0. What are channel sums already comes back as it is."""
    if responses.ndim == 2:
        return responses
    flat = responses.reshape(len(responses), -1)
    masks = detector.readout.reshape(len(detector.readout), -1)
    sums = np.empty((len(responses), len(masks)))
    for channel, mask in enumerate(masks):
        sums[:, channel] = flat[:, mask].sum(axis=1, dtype=np.float64)
    return sums


def timing(generator: Generator, batch_one: Generator, test: Events, key: Key) -> dict[str, Any]:
    """Milliseconds per generated response, warm and blocked, for a whole batch per device and for a single particle."""
    measured = {}
    for one in (generator, batch_one):
        blocks = [test.particles[np.arange(one.chunk) % len(test)]] * one.devices
        start = time.perf_counter()
        jax.block_until_ready(one.together(blocks, key))
        jax.block_until_ready(one.together(blocks, key))
        slow = time.perf_counter() - start > SLOW_SECONDS
        repeats = (CALLS_IF_SLOW if slow else CALLS) - 2
        measured[f"batch_{one.chunk}"] = time_per_sample(
            lambda one=one, blocks=blocks: one.together(blocks, key),
            one.chunk * one.devices,
            repeats=repeats,
            warmup=0,
        ) | {"devices": one.devices}
    return {"device": device_description(), **measured}
