"""The data's own noise: what comparing the simulation with itself gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from zoo.evaluation.events import Events
from zoo.evaluation.groups import frequent, pair
from zoo.evaluation.metrics.diversity import MINIMUM_EVENTS, Summary, ratio, spread_of_pixels, spread_of_sums
from zoo.evaluation.metrics.errors import channel_error, rms, squared_error
from zoo.evaluation.metrics.metric import Metric, PairMetric, SetMetric
from zoo.evaluation.metrics.wasserstein import channel_wasserstein, wasserstein
from zoo.evaluation.observables import SCALARS, Readout, Responses, slabs
from zoo.evaluation.randomness import Purpose, stream


def noise_floor(
    responses: Responses,
    particles: Shaped[np.ndarray, "N P"],
    readout: Readout | None,
    repeats: int = 5,
    seed: int = 0,
) -> dict[str, Any]:
    """Both noise floors of a set of events (the papers' "original data"), from `repeats` splits into halves each.

    `random_halves`: two random halves, other particles in each, `wasserstein` only. `repeats`: independent responses to
    the same particles, matched one to one; `wasserstein`, `mae`, `rmse` and every scalar observable. Each is a mean and
    std over the splits, in photons or pixels, or None where the events do not allow it (a single event, no channels,
    no pixels); the whole of `repeats` is None if no particle occurs twice.

    Half the events are compared with the other half: a perfect generator, compared with all events, comes out lower.

    Raises:
        DataError: arrays that cannot be used as events.
    """
    return floor_of(Events.of(responses, particles, readout), repeats, seed, {})


def over_repeats(values: Sequence[float] | Float[np.ndarray, " K"]) -> dict[str, float]:
    """Mean and standard deviation (population) over repeats."""
    return {"mean": float(np.mean(values)), "std": float(np.std(values))}


def over_rounds(values: Sequence[float | None]) -> dict[str, float] | None:
    """`over_repeats`, or None where one of the values could not be had."""
    known = [value for value in values if value is not None]
    return over_repeats(known) if len(known) == len(values) else None


def floor_of(events: Events, repeats: int, seed: int, metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """`noise_floor` of events that are measured already, for the metrics of a recipe as well.

    Of metrics that compare sets of responses there are both floors, of the others `repeats` alone.
    """
    own = observed_sets(events, metrics)
    return {
        "random_halves": _random_halves(events, repeats, seed, metrics, own),
        "repeats": _repeats(events, repeats, seed, metrics, own),
    }


def observed_sets(events: Events, metrics: Mapping[str, Metric]) -> dict[str, Float[np.ndarray, "N D"]]:
    """What metrics of sets keep of the simulated responses."""
    sets = {name: metric for name, metric in metrics.items() if isinstance(metric, SetMetric) and events.has_pixels}
    return {name: metric.observe(events.responses, events.particles) for name, metric in sets.items()}


def _random_halves(
    events: Events, repeats: int, seed: int, metrics: Mapping[str, Metric], own: Mapping[str, Float[np.ndarray, "N D"]]
) -> dict[str, Any] | None:
    half = len(events) // 2
    channels = events.observed.get("channels")
    if half == 0 or (channels is None and not own):
        return None
    generator = stream(seed, Purpose.RANDOM_HALVES)
    rounds: list[dict[str, float | None]] = []
    for _ in range(repeats):
        order = generator.permutation(len(events))
        first, second = order[:half], order[half : 2 * half]
        found = {name: metrics[name].distance(kept[first], kept[second]) for name, kept in own.items()}
        if channels is not None:
            found["wasserstein"] = channel_wasserstein(channels[first], channels[second]).mean()
        rounds.append(found)
    return {name: over_rounds([found[name] for found in rounds]) for name in rounds[0]}


def _repeats(
    events: Events, repeats: int, seed: int, metrics: Mapping[str, Metric], own: Mapping[str, Float[np.ndarray, "N D"]]
) -> dict[str, Any] | None:
    generator = stream(seed, Purpose.REPEATS)
    rounds = [_compare(events, *pair(events.groups, generator), metrics, own) for _ in range(repeats)]
    names = ("wasserstein", "mae", "rmse", *SCALARS, *metrics)
    if not rounds[0]:
        return None
    return {name: over_rounds([found.get(name) for found in rounds]) for name in names}


def _compare(
    events: Events,
    first: Int[np.ndarray, " K"],
    second: Int[np.ndarray, " K"],
    metrics: Mapping[str, Metric],
    own: Mapping[str, Float[np.ndarray, "N D"]],
) -> dict[str, float | None]:
    """Every metric between two matched halves; empty without pairs."""
    if not len(first):
        return {}
    found: dict[str, float | None] = {}
    channels = events.observed.get("channels")
    if channels is not None:
        found["wasserstein"] = channel_wasserstein(channels[first], channels[second]).mean()
        found["mae"] = channel_error(channels[first], channels[second]).mean()
    if events.has_pixels:
        found["rmse"] = rms(_matched(squared_error, events, first, second))
        for name, metric in metrics.items():
            if isinstance(metric, PairMetric):
                kept = _matched(metric, events, first, second)
                found[name] = metric.distance(kept, kept)
    found |= {name: metrics[name].distance(kept[first], kept[second]) for name, kept in own.items()}
    for name in SCALARS:
        if name in events.observed:
            found[name] = wasserstein(events.observed[name][first], events.observed[name][second])
    return found


def _matched(
    error: Callable[[Responses, Responses], Float[np.ndarray, " k"]],
    events: Events,
    first: Int[np.ndarray, " K"],
    second: Int[np.ndarray, " K"],
) -> Float[np.ndarray, " K"]:
    """An error of every pair, for as many pairs at a time as fit into memory."""
    responses = events.responses
    slices = slabs(responses, len(first))
    return np.concatenate([error(responses[first[rows]], responses[second[rows]]) for rows in slices])


def diversity_floor(events: Events, repeats: int, seed: int) -> dict[str, Summary | None]:
    """Spread per particle in one half of the simulated repeats over that in the other half.

    For particles with at least `MINIMUM_EVENTS` in each half, from `repeats` splits: `pixel` and `photon_sum`, as
    `ratio` summarises them. A half holds half the responses that a generator is judged by, so that the scatter over
    particles is wider by about sqrt(2).
    """
    groups = frequent(events.groups, 2 * MINIMUM_EVENTS)
    number = int(groups.max()) + 1
    generator = stream(seed, Purpose.DIVERSITY)
    pixels, sums = np.zeros((2, 2, repeats, number))
    for repeat in range(repeats if number else 0):
        for side, half in enumerate(pair(events.groups, generator)):
            rows = half[groups[half] >= 0]
            sums[side, repeat] = spread_of_sums(events.observed["photon_sum"][rows], groups[rows], number)
            if events.has_pixels:
                pixels[side, repeat] = spread_of_pixels(events.responses, rows, groups, number)
    return {"pixel": ratio(*pixels), "photon_sum": ratio(*sums)}
