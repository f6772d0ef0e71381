"""The papers' evaluation: every test particle generated several times, compared with the simulation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from zoo.errors import DataError
from zoo.evaluation.bootstrap import interval, resamples
from zoo.evaluation.events import Events
from zoo.evaluation.floor import diversity_floor, floor_of, observed_sets, over_repeats, over_rounds
from zoo.evaluation.generated import Generated
from zoo.evaluation.metrics.diversity import ratio, spread_of_pixels, spread_of_sums
from zoo.evaluation.metrics.errors import channel_error, rms
from zoo.evaluation.metrics.metric import Metric
from zoo.evaluation.metrics.wasserstein import PairedWasserstein, channel_wasserstein, wasserstein
from zoo.evaluation.observables import SCALARS, Readout, Responses
from zoo.evaluation.randomness import Purpose, stream


class Evaluation:
    """Streaming comparison of generated responses with simulated ones.

    Feed every event in every repeat, in any order and in pieces of any size, then `compute`. Parts fed to evaluations
    of the same events elsewhere can be merged. Of the generated responses only a few numbers an event and sums per
    particle are kept.
    """

    def __init__(
        self,
        responses: Responses,
        particles: Shaped[np.ndarray, "N P"],
        readout: Readout | None,
        *,
        repeats: int = 5,
        bootstrap: int = 200,
        metrics: Mapping[str, Metric] | None = None,
        seed: int = 0,
    ) -> None:
        """Measure the simulated events.

        Args:
            responses: simulated photons per pixel, or channel sums only; any integer or float dtype; not copied.
            particles: particle columns of every event; rows equal in all columns are the same particle.
            readout: masks of the readout channels, or None for a detector without.
            repeats: responses that will be generated to every event.
            bootstrap: resamples of the intervals; 0 for none.
            metrics: what else responses are compared by, event by event or as a set.
            seed: of the splits of the noise floors and of the bootstrap.

        Raises:
            DataError: arrays that cannot be used as events.
        """
        self._events = Events.of(responses, particles, readout)
        self._metrics = metrics or {}
        self._generated = Generated(self._events, repeats, self._metrics)
        self._bootstrap = bootstrap
        self._seed = seed

    def update(self, repeat: int, rows: slice, generated: Shaped[np.ndarray, "n ..."]) -> None:
        """Take generated responses to the events `rows`.

        Args:
            repeat: which generation of the event this is, from 0.
            rows: the events, as a slice into the arrays the evaluation was made with.
            generated: photons (n, H, W), or channel sums (n, R); finite, not negative, need not be whole.

        Raises:
            DataError: shapes or values that cannot be responses to these events, or events given twice.
        """
        self._generated.update(repeat, rows, np.asarray(generated))

    def merge(self, other: Evaluation) -> None:
        """Take over what another evaluation of the same events was given.

        Raises:
            DataError: other events, other repeats, or events given to both.
        """
        self._generated.merge(other._generated)

    def compute(self) -> dict[str, Any]:
        """Every number of the evaluation, as plain floats and lists.

        `metrics`: `wasserstein` (mean over channels, in photons), `mae`, `rmse` (in the tables' units) with mean and
        standard deviation over repeats, the Wasserstein distance of every scalar observable, what the recipe's or the
        detector's own metrics say (and what they are `about`), each with its repeat `floor` and the mean `in_floors`,
        and `diversity` (see `ratio`). `floor`: see `noise_floor`. Then the number of `events`, different
        `particles` and `repeats`. What cannot be had from these arrays (a detector without channels, channel sums
        without pixels, particles without repeats) is None.

        Raises:
            DataError: not every event was given in every repeat.
        """
        self._generated.require_complete()
        floor = floor_of(self._events, self._repeats, self._seed, self._metrics)
        metrics: dict[str, Any] = {**self._channels(), "rmse": self._rmse()}
        metrics |= {name: self._scalar(name) for name in SCALARS}
        metrics |= {name: self._declared(name, metric) for name, metric in self._metrics.items()}
        for name, found in metrics.items():
            if found is not None:
                found |= _against((floor["repeats"] or {}).get(name), found["mean"])
        metrics["diversity"] = self._diversity()
        return {
            "metrics": metrics,
            "floor": floor,
            "events": len(self._events),
            "particles": int(self._events.groups.max()) + 1,
            "repeats": self._repeats,
        }

    @property
    def _repeats(self) -> int:
        return len(self._generated.filled)

    def _channels(self) -> dict[str, dict[str, Any] | None]:
        """The two metrics of the channel sums, with their bootstrap intervals."""
        truth, generated = self._events.observed.get("channels"), self._generated.values.get("channels")
        if truth is None or generated is None:
            return {"wasserstein": None, "mae": None}
        distances = np.array([channel_wasserstein(truth, repeat) for repeat in generated])
        errors = np.array([channel_error(truth, repeat) for repeat in generated])
        distance, error = over_repeats(distances.mean(axis=1)), over_repeats(errors.mean(axis=1))
        replicas = self._replicas(truth, generated, errors.mean(axis=0))
        # One published code pools the repeats against the truth repeated as often, whose distribution is the truth's.
        pooled = channel_wasserstein(truth, generated.reshape(-1, truth.shape[1])).mean()
        return {
            "wasserstein": {
                **distance,
                "pooled": float(pooled),
                "interval": interval(distance["mean"], replicas[:, 0]) if self._bootstrap else None,
                "channels": distances.mean(axis=0).tolist(),
            },
            "mae": {**error, "interval": interval(error["mean"], replicas[:, 1]) if self._bootstrap else None},
        }

    def _replicas(
        self, truth: Float[np.ndarray, "N R"], generated: Float[np.ndarray, "K N R"], errors: Float[np.ndarray, " N"]
    ) -> Float[np.ndarray, "B 2"]:
        """Wasserstein and MAE of every resample: events are drawn with the responses generated to them.

        Drawing the two sides apart would add the scatter of which particles are drawn, which the comparison has not.
        """
        pairs = [PairedWasserstein(*sums) for repeat in generated for sums in zip(truth.T, repeat.T, strict=True)]
        drawn = resamples(len(truth), self._bootstrap, stream(self._seed, Purpose.BOOTSTRAP))
        replicas = [
            (np.mean([pair(weights) for pair in pairs]), np.average(errors, weights=weights)) for weights in drawn
        ]
        return np.array(replicas).reshape(-1, 2)

    def _rmse(self) -> dict[str, Any] | None:
        squared = self._generated.values.get("squared_error")
        return None if squared is None else over_repeats([rms(repeat) for repeat in squared])

    def _scalar(self, name: str) -> dict[str, Any] | None:
        """Wasserstein distance of one observable."""
        truth, generated = self._events.observed.get(name), self._generated.values.get(name)
        if truth is None or generated is None:
            return None
        return over_repeats([wasserstein(truth, repeat) for repeat in generated])

    def _declared(self, name: str, metric: Metric) -> dict[str, Any] | None:
        """A metric of the recipe."""
        values = self._generated.values.get(name)
        if values is None:
            return None
        own = {name: values[0], **observed_sets(self._events, {name: metric})}[name]
        found = over_rounds([metric.distance(kept, own) for kept in values])
        found = found or {"mean": None, "std": None}
        return {**found, "about": metric.about, "published_as": metric.figure}

    def _diversity(self) -> dict[str, Any]:
        """Spread per particle over GEANT's; both sides have equally many responses to a particle in each repeat."""
        events, generated = self._events, self._generated
        groups, number = generated.groups, generated.particles
        totals = np.array([spread_of_sums(repeat, groups, number) for repeat in generated.values["photon_sum"]])
        total = np.broadcast_to(spread_of_sums(events.observed["photon_sum"], groups, number), totals.shape)
        pixel = None
        if "squared_error" in generated.values:
            reference = spread_of_pixels(events.responses, np.flatnonzero(groups >= 0), groups, number)
            pixel = ratio(generated.pixel_spread, np.broadcast_to(reference, generated.pixel_spread.shape))
        floor = diversity_floor(events, self._repeats, self._seed)
        return {"pixel": pixel, "photon_sum": ratio(totals, total), "floor": floor}


def _against(floor: dict[str, Any] | None, mean: float | None) -> dict[str, float | None]:
    """A mean in units of its repeat floor; None without a floor, or with one of zero."""
    unit = None if floor is None else floor["mean"]
    return {"floor": unit, "in_floors": mean / unit if unit and mean is not None else None}


def evaluate_arrays(
    truth: Responses,
    particles: Shaped[np.ndarray, "N P"],
    readout: Readout | None,
    generated: Shaped[np.ndarray, "K N ..."] | Shaped[np.ndarray, "N ..."],
    *,
    metrics: Mapping[str, Metric] | None = None,
    bootstrap: int = 200,
    seed: int = 0,
) -> dict[str, Any]:
    """`Evaluation.compute` of responses that are already there, wherever they were made.

    Args:
        truth: simulated responses (N, H, W), or channel sums (N, R).
        particles: particle of every event.
        readout: masks of the readout channels, or None.
        generated: one response to every event (N, H, W), or several (repeats, N, H, W); or channel sums for (H, W).
        metrics: what else responses are compared by.
        bootstrap: resamples of the intervals; 0 for none.
        seed: of the noise floors and the bootstrap.

    Raises:
        DataError: arrays that do not fit each other or hold impossible values.
    """
    event = {truth.shape[1:]} | (set() if readout is None else {readout.shape[1:], readout.shape[:1]})
    if generated.shape[1:] in event:
        generated = generated[None]
    if generated.shape[2:] not in event:
        known = " or ".join(" x ".join(map(str, shape)) for shape in sorted(event))
        shape = " x ".join(map(str, generated.shape))
        raise DataError(f"generated responses: shape {shape}; (repeats x) {len(truth)} x {known} is expected")
    evaluation = Evaluation(
        truth, particles, readout, repeats=len(generated), metrics=metrics, bootstrap=bootstrap, seed=seed
    )
    for repeat, responses in enumerate(generated):
        evaluation.update(repeat, slice(0, len(truth)), responses)
    return evaluation.compute()
