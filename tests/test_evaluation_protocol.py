"""The evaluation as a whole: oracles, invariances, streaming, and everything that may be missing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from zoo.errors import DataError
from zoo.evaluation.observables import SCALARS, observe
from zoo.evaluation.protocol import Evaluation, evaluate_arrays

SHAPE = (4, 6)
EVENTS, REPEATS = 60, 3


def checkerboard() -> np.ndarray:
    """Three channels: even pixels of either half, and the odd ones."""
    row, column = np.indices(SHAPE)
    even, left = (row + column) % 2 == 0, column < SHAPE[1] // 2
    return np.stack([even & left, even & ~left, ~even])


READOUT = checkerboard()


def simulate(particles: np.ndarray, seed: int) -> np.ndarray:
    """Poisson responses: a spot whose place and brightness the particle decides."""
    draw = np.random.default_rng(seed)
    row, column = np.indices(SHAPE)
    distance = (row - particles[:, 1, None, None]) ** 2 + (column - particles[:, 2, None, None]) ** 2
    brightness = particles[:, 0, None, None] * draw.lognormal(0, 0.2, (len(particles), 1, 1))
    return draw.poisson(brightness * np.exp(-distance / 4))


def events(number: int = EVENTS, kinds: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    pool = np.column_stack([draw.uniform(5, 60, kinds), draw.uniform(0, 3, kinds), draw.uniform(0, 5, kinds)])
    particles = pool[draw.integers(0, kinds, number)]
    return simulate(particles, seed).astype(np.uint16), particles


@pytest.fixture(scope="module")
def truth() -> tuple[np.ndarray, np.ndarray]:
    return events()


@pytest.fixture(scope="module")
def generated(truth: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.stack([1.1 * simulate(truth[1], seed) for seed in range(1, REPEATS + 1)]).astype(np.float32)


@pytest.fixture(scope="module")
def result(truth: tuple[np.ndarray, np.ndarray], generated: np.ndarray) -> dict[str, Any]:
    return evaluate_arrays(*truth, READOUT, generated)


def assert_close(first: Any, second: Any, **tolerance: float) -> None:
    """Equal up to rounding, however deeply nested."""
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_close(first[key], second[key], **tolerance)
    elif isinstance(first, list):
        for one, other in zip(first, second, strict=True):
            assert_close(one, other, **tolerance)
    else:
        assert first == (None if second is None else pytest.approx(second, **tolerance))


def test_metrics_agree_with_scipy_and_loops(
    result: dict[str, Any], truth: tuple[np.ndarray, np.ndarray], generated: np.ndarray
) -> None:
    responses, _ = truth
    sums = [[float(image[mask].sum()) for mask in READOUT] for image in responses.astype(float)]
    distances, maes, rmses = np.zeros((REPEATS, 3)), [], []
    made = np.zeros((REPEATS, EVENTS, 3))
    for repeat, images in enumerate(generated.astype(float)):
        made[repeat] = [[image[mask].sum() for mask in READOUT] for image in images]
        distances[repeat] = [
            wasserstein_distance(*pair) for pair in zip(np.transpose(sums), made[repeat].T, strict=True)
        ]
        maes.append(np.mean([abs(a - b) for a, b in zip(np.ravel(sums), made[repeat].ravel(), strict=True)]))
        squares = [((a - b) ** 2).sum() for a, b in zip(responses.astype(float), images, strict=True)]
        rmses.append(np.sqrt(sum(squares) / EVENTS))
    pooled = [wasserstein_distance(np.tile(np.array(sums)[:, c], REPEATS), made[:, :, c].ravel()) for c in range(3)]
    metrics = result["metrics"]
    assert metrics["wasserstein"]["mean"] == pytest.approx(distances.mean())
    assert metrics["wasserstein"]["std"] == pytest.approx(distances.mean(axis=1).std())
    assert metrics["wasserstein"]["channels"] == pytest.approx(distances.mean(axis=0).tolist())
    assert metrics["wasserstein"]["pooled"] == pytest.approx(np.mean(pooled))
    assert (metrics["mae"]["mean"], metrics["mae"]["std"]) == pytest.approx((np.mean(maes), np.std(maes)))
    assert (metrics["rmse"]["mean"], metrics["rmse"]["std"]) == pytest.approx((np.mean(rmses), np.std(rmses)))
    seen, shown = observe(responses, READOUT), [observe(images, READOUT) for images in generated]
    for name in SCALARS:
        expected = [wasserstein_distance(seen[name], repeat[name]) for repeat in shown]
        assert metrics[name]["mean"] == pytest.approx(np.mean(expected))
        assert metrics[name]["in_floors"] == pytest.approx(np.mean(expected) / result["floor"]["repeats"][name]["mean"])


def test_a_result_is_plain_json(result: dict[str, Any]) -> None:
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert (result["events"], result["particles"], result["repeats"]) == (EVENTS, 5, REPEATS)


def test_the_arrays_given_are_not_written_to() -> None:
    responses, particles = (array.astype(np.float64) for array in events())
    given = [array.copy() for array in (responses, particles)]
    evaluate_arrays(responses, particles, READOUT, responses)
    np.testing.assert_array_equal(responses, given[0])
    np.testing.assert_array_equal(particles, given[1])


def test_intervals_hold_their_means(result: dict[str, Any]) -> None:
    for name in ("wasserstein", "mae"):
        low, high = result["metrics"][name]["interval"]
        assert low < result["metrics"][name]["mean"] < high


def test_the_truth_itself_is_perfect(truth: tuple[np.ndarray, np.ndarray]) -> None:
    metrics = evaluate_arrays(*truth, READOUT, np.stack([truth[0]] * 2))["metrics"]
    for name in ("wasserstein", "mae", "rmse", *SCALARS):
        assert (metrics[name]["mean"], metrics[name]["std"], metrics[name]["in_floors"]) == (0, 0, 0)
    assert metrics["wasserstein"]["interval"] == [0, 0]
    for name in ("pixel", "photon_sum"):
        found = metrics["diversity"][name]
        assert (found["low"], found["median"], found["high"]) == pytest.approx((1, 1, 1))


def test_the_order_of_the_events_does_not_matter(
    result: dict[str, Any], truth: tuple[np.ndarray, np.ndarray], generated: np.ndarray
) -> None:
    order = np.random.default_rng(8).permutation(EVENTS)
    other = evaluate_arrays(truth[0][order], truth[1][order], READOUT, generated[:, order], bootstrap=0)
    for name in ("wasserstein", "mae", "rmse", *SCALARS):
        for key in ("mean", "std"):
            assert other["metrics"][name][key] == pytest.approx(result["metrics"][name][key], rel=1e-9)
    assert_close(other["metrics"]["diversity"]["pixel"], result["metrics"]["diversity"]["pixel"])
    assert_close(other["metrics"]["diversity"]["photon_sum"], result["metrics"]["diversity"]["photon_sum"])


def test_brighter_photons_scale_what_is_counted_in_photons(
    result: dict[str, Any], truth: tuple[np.ndarray, np.ndarray], generated: np.ndarray
) -> None:
    other = evaluate_arrays(4 * truth[0], truth[1], READOUT, 4 * generated)
    for name in ("wasserstein", "mae", "rmse", "photon_sum", "brightest_pixel"):
        found, before = other["metrics"][name], result["metrics"][name]
        assert found["mean"] == pytest.approx(4 * before["mean"])
        assert found["in_floors"] == pytest.approx(before["in_floors"])
    for name in ("centroid_row", "centroid_column"):
        assert other["metrics"][name]["mean"] == pytest.approx(result["metrics"][name]["mean"], abs=1e-9)
    assert other["metrics"]["wasserstein"]["interval"] == pytest.approx(
        [4 * bound for bound in result["metrics"]["wasserstein"]["interval"]]
    )


@pytest.mark.parametrize("size", [1, 7, 59, 60])
def test_pieces_of_any_size_give_the_same(
    result: dict[str, Any], truth: tuple[np.ndarray, np.ndarray], generated: np.ndarray, size: int
) -> None:
    evaluation = Evaluation(*truth, READOUT, repeats=REPEATS)
    for start in reversed(range(0, EVENTS, size)):
        for repeat in range(REPEATS):
            rows = slice(start, min(start + size, EVENTS))
            evaluation.update(repeat, rows, generated[repeat, rows])
    assert_close(evaluation.compute(), result, rel=1e-9)


@pytest.mark.parametrize("by", ["rows", "repeats", "uneven"])
def test_parts_made_elsewhere_merge_to_the_same(
    result: dict[str, Any], truth: tuple[np.ndarray, np.ndarray], generated: np.ndarray, by: str
) -> None:
    parts = [Evaluation(*truth, READOUT, repeats=REPEATS) for _ in range(2)]
    for repeat in range(REPEATS):
        cut = {"rows": 25, "repeats": EVENTS * (repeat % 2), "uneven": 20 * (repeat + 1)}[by]
        for part, rows in zip(parts, (slice(0, cut), slice(cut, EVENTS)), strict=True):
            if rows.start < rows.stop:
                part.update(repeat, rows, generated[repeat, rows])
    parts[0].merge(parts[1])
    assert_close(parts[0].compute(), result, rel=1e-9)


def test_merging_with_nothing_changes_nothing(
    result: dict[str, Any], truth: tuple[np.ndarray, np.ndarray], generated: np.ndarray
) -> None:
    whole, nothing = (Evaluation(*truth, READOUT, repeats=REPEATS) for _ in range(2))
    for repeat in range(REPEATS):
        whole.update(repeat, slice(0, EVENTS), generated[repeat])
    whole.merge(nothing)
    nothing.merge(whole)
    assert whole.compute() == result
    assert nothing.compute() == result


def test_another_draw_of_the_law_is_at_the_floor_and_as_diverse() -> None:
    responses, particles = events(1500, 25)
    generated = np.stack([simulate(particles, seed) for seed in range(10, 13)])
    metrics = evaluate_arrays(responses, particles, READOUT, generated, bootstrap=0)["metrics"]
    for name in ("wasserstein", *SCALARS):
        assert 0.3 < metrics[name]["in_floors"] < 1.5
    for name in ("mae", "rmse"):
        assert metrics[name]["in_floors"] == pytest.approx(1, abs=0.1)
    diversity = metrics["diversity"]
    for found in (diversity, diversity["floor"]):
        for name in ("pixel", "photon_sum"):
            assert found[name]["median"] == pytest.approx(1, abs=0.05)
            assert found[name]["low"] < 1 < found[name]["high"]
            assert found[name]["particles"] == 25


def test_a_generator_of_averages_has_too_little_diversity_whatever_its_distance() -> None:
    responses, particles = events(400, 10)
    means = {tuple(row): responses[(particles == row).all(axis=1)].mean(axis=0) for row in particles}
    average = np.stack([means[tuple(row)] for row in particles])
    metrics = evaluate_arrays(responses, particles, READOUT, average, bootstrap=0)["metrics"]
    assert metrics["diversity"]["pixel"]["high"] < 1e-3
    assert metrics["diversity"]["photon_sum"]["high"] < 1e-3
    assert metrics["mae"]["in_floors"] < 0.9


@pytest.mark.parametrize("truth_as_sums", [False, True])
@pytest.mark.parametrize("one_repeat", [False, True])
def test_channel_sums_are_judged_by_what_they_show(
    result: dict[str, Any],
    truth: tuple[np.ndarray, np.ndarray],
    generated: np.ndarray,
    truth_as_sums: bool,
    one_repeat: bool,
) -> None:
    sums = np.stack([observe(images, READOUT)["channels"] for images in generated])
    responses = observe(truth[0], READOUT)["channels"] if truth_as_sums else truth[0]
    found = evaluate_arrays(responses, truth[1], READOUT, sums[0] if one_repeat else sums)
    metrics = found["metrics"]
    for name in ("rmse", "lit_pixels", "brightest_pixel", "centroid_row", "centroid_column"):
        assert metrics[name] is None
    assert metrics["diversity"]["pixel"] is None
    assert found["repeats"] == (1 if one_repeat else REPEATS)
    if not one_repeat:
        for name in ("wasserstein", "mae", "photon_sum"):
            assert_close(metrics[name], result["metrics"][name], rel=1e-5)
        assert_close(metrics["diversity"]["photon_sum"], result["metrics"]["diversity"]["photon_sum"], rel=1e-5)


def test_a_detector_without_channels_is_judged_by_its_pictures(
    result: dict[str, Any], truth: tuple[np.ndarray, np.ndarray], generated: np.ndarray
) -> None:
    metrics = evaluate_arrays(*truth, None, generated)["metrics"]
    assert metrics["wasserstein"] is None
    assert metrics["mae"] is None
    for name in ("rmse", *SCALARS, "diversity"):
        assert_close(metrics[name], result["metrics"][name], rel=1e-9)


def test_particles_that_never_repeat_have_no_floor_and_no_diversity() -> None:
    responses, particles = events(20)
    particles = particles + np.arange(20)[:, None]
    found = evaluate_arrays(responses, particles, READOUT, responses[::-1])
    assert found["floor"]["repeats"] is None
    assert found["metrics"]["wasserstein"]["floor"] is None
    assert found["metrics"]["photon_sum"]["in_floors"] is None
    missing = {"pixel": None, "photon_sum": None}
    assert found["metrics"]["diversity"] == {**missing, "floor": missing}


@pytest.mark.parametrize(("copies", "judged", "halved"), [(4, False, False), (5, True, False), (10, True, True)])
def test_a_spread_needs_five_responses_and_its_floor_five_in_each_half(copies: int, judged: bool, halved: bool) -> None:
    particles = np.repeat(events(3, 3)[1], copies, axis=0)
    responses, generated = simulate(particles, 1), simulate(particles, 2)
    diversity = evaluate_arrays(responses, particles, READOUT, generated, bootstrap=0)["metrics"]["diversity"]
    for name in ("pixel", "photon_sum"):
        assert (diversity[name] is not None) == judged
        assert (diversity["floor"][name] is not None) == halved


def test_the_seed_decides_intervals_and_floors_but_no_metric(
    result: dict[str, Any], truth: tuple[np.ndarray, np.ndarray], generated: np.ndarray
) -> None:
    other = evaluate_arrays(*truth, READOUT, generated, seed=1)
    for name in ("wasserstein", "mae"):
        assert other["metrics"][name]["interval"] != result["metrics"][name]["interval"]
        assert other["metrics"][name]["mean"] == result["metrics"][name]["mean"]
    assert other["floor"] != result["floor"]
    assert other["metrics"]["diversity"]["floor"] != result["metrics"]["diversity"]["floor"]


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("dark", [False, True])
def test_tiny_and_dark_sets_have_a_result(number: int, dark: bool) -> None:
    responses, particles = events(number, 1)
    responses = responses * (not dark)
    found = evaluate_arrays(responses, particles, READOUT, responses[None])
    assert found["metrics"]["wasserstein"]["mean"] == 0
    assert json.dumps(found, allow_nan=False)


def test_no_bootstrap_no_interval(truth: tuple[np.ndarray, np.ndarray], generated: np.ndarray) -> None:
    metrics = evaluate_arrays(*truth, READOUT, generated, bootstrap=0)["metrics"]
    assert metrics["wasserstein"]["interval"] is None
    assert metrics["mae"]["interval"] is None


@pytest.mark.parametrize(
    ("repeat", "rows", "piece", "message"),
    [
        (3, slice(0, 2), np.ones((2, *SHAPE)), "repeat 3; 0 to 2 are expected"),
        (0, slice(0, 3), np.ones((2, *SHAPE)), "2 for 3 of the 60 events"),
        (0, slice(58, 70), np.ones((12, *SHAPE)), "12 for 2 of the 60 events"),
        (0, slice(0, 2), np.ones((2, 4, 5)), "4 x 6 pixels or 3 channel sums"),
        (0, slice(0, 2), np.full((2, *SHAPE), np.nan), "event 0 holds nan"),
        (0, slice(0, 2), np.full((2, *SHAPE), -1), "event 0 holds -1"),
        (1, slice(10, 12), np.ones((2, *SHAPE)), "were given already"),
        (0, slice(0, 2), np.ones((2, 3)), "pixels in one part and channel sums in another"),
    ],
)
def test_pieces_that_do_not_fit_are_refused_and_leave_no_trace(
    result: dict[str, Any],
    truth: tuple[np.ndarray, np.ndarray],
    generated: np.ndarray,
    repeat: int,
    rows: slice,
    piece: np.ndarray,
    message: str,
) -> None:
    evaluation = Evaluation(*truth, READOUT, repeats=REPEATS)
    evaluation.update(1, slice(0, EVENTS), generated[1])
    with pytest.raises(DataError, match=message):
        evaluation.update(repeat, rows, piece)
    with pytest.raises(DataError, match=r"120 of 180 .* are missing"):
        evaluation.compute()
    evaluation.update(0, slice(0, EVENTS), generated[0])
    evaluation.update(2, slice(0, EVENTS), generated[2])
    assert evaluation.compute() == result


def test_parts_of_different_evaluations_do_not_merge(truth: tuple[np.ndarray, np.ndarray]) -> None:
    one, same, fewer = (Evaluation(*truth, READOUT, repeats=repeats) for repeats in (3, 3, 2))
    other = Evaluation(truth[0][::-1], truth[1], READOUT, repeats=3)
    for strange in (fewer, other):
        with pytest.raises(DataError, match="different events or repeats"):
            one.merge(strange)
    for evaluation in (one, same):
        evaluation.update(0, slice(0, 5), truth[0][:5])
    with pytest.raises(DataError, match="given to both"):
        one.merge(same)


@pytest.mark.parametrize("shape", [(EVENTS, 4, 5), (REPEATS, EVENTS, 6, 4), (EVENTS,), (0, EVENTS, *SHAPE)])
def test_arrays_of_a_wrong_shape_are_refused(truth: tuple[np.ndarray, np.ndarray], shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="generated responses: "):
        evaluate_arrays(*truth, READOUT, np.ones(shape))
