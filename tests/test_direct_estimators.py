"""Classical estimators: what scikit-learn fitted is what the zoo evaluates, and the search finds what is best."""

from __future__ import annotations

import importlib.util
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.catalogue import components
from zoo.errors import ComponentError, DataError
from zoo.evaluation.metrics.wasserstein import channel_wasserstein
from zoo.schemes.direct.estimators.decision_tree import DecisionTreeConfig
from zoo.schemes.direct.estimators.estimator import EstimatorConfig, Sample, need_scikit_learn
from zoo.schemes.direct.estimators.forest import _rounded_down
from zoo.schemes.direct.estimators.gradient_boosting import GradientBoostingConfig
from zoo.schemes.direct.estimators.linear import LinearConfig
from zoo.schemes.direct.estimators.nearest_neighbours import NearestNeighboursConfig
from zoo.schemes.direct.estimators.support_vectors import SupportVectorsConfig
from zoo.schemes.direct.search import best_choice

DRAW = np.random.default_rng(7)


def sample(number: int, features: int = 4) -> Sample:
    """Two channels that depend on the features, with noise; the features are float32, as on the device."""
    x = DRAW.normal(size=(number, features)).astype(np.float32)
    clean = np.stack([np.sin(2 * x[:, 0]) + x[:, 1], np.abs(x[:, 2])], axis=-1)
    return Sample(x.astype(np.float64), clean + 0.1 * DRAW.normal(size=clean.shape))


SAMPLE, ASKED = sample(150), sample(60).x

SMALL: dict[str, EstimatorConfig] = {
    "linear": LinearConfig(),
    "decision_tree": DecisionTreeConfig(depth=(7,), split=(2,), leaf=(2,)),
    "deep_tree": DecisionTreeConfig(depth=(25,), split=(2,), leaf=(1,)),
    "gradient_boosting": GradientBoostingConfig(trees=(12,), depth=(3,), rate=(0.2,)),
    "nearest_neighbours": NearestNeighboursConfig(neighbours=(5,)),
    **{
        f"{kernel}_vectors": SupportVectorsConfig(kernel=(kernel,), cost=(1.0,), gamma=(gamma,))
        for kernel, gamma in (("rbf", "scale"), ("linear", "auto"), ("poly", "auto"), ("sigmoid", 0.1))
    },
}


def test_every_estimator_is_tested():
    assert {type(config) for config in SMALL.values()} == set(components("estimator").values())


@pytest.mark.parametrize("name", SMALL)
def test_predictions_are_those_of_scikit_learn(name: str):
    config = SMALL[name]
    [[choice]] = config.groups()
    expected = np.stack([regressor.predict(ASKED) for regressor in config.fitted(choice, SAMPLE)], axis=-1)
    estimator = config.build(config.fit(choice, SAMPLE))
    found = estimator(jnp.asarray(ASKED, jnp.float32))
    assert found.dtype == jnp.float32
    assert expected.std(axis=0).min() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_an_unfitted_estimator_has_the_same_arrays_and_knows_nothing(name: str):
    config = SMALL[name]
    [[choice]] = config.groups()
    fitted, unfitted = config.fit(choice, SAMPLE), config.unfitted(4, 2)
    assert set(fitted) == set(unfitted)
    assert all(fitted[name].ndim == unfitted[name].ndim for name in fitted)
    np.testing.assert_array_equal(config.build(unfitted)(jnp.asarray(ASKED, jnp.float32)), np.zeros((len(ASKED), 2)))


@pytest.mark.parametrize("name", SMALL)
def test_a_choice_is_told(name: str):
    config = SMALL[name]
    told = {key for key, value in config.unfitted(4, 2).items() if value.ndim == 0}
    [[choice]] = config.groups()
    assert {key for key in choice if key not in ("kernel", "cost")} <= told
    assert "kernel" not in choice or f"cost_{choice['kernel']}" in told


@given(st.floats(-1e6, 1e6), st.integers(-3, 3))
def test_a_rounded_threshold_divides_all_float32_numbers_as_before(threshold: float, ulps: int):
    value = np.float32(threshold)
    for _ in range(abs(ulps)):
        value = np.nextafter(value, np.float32(np.copysign(np.inf, ulps)))
    [rounded] = _rounded_down(np.array([threshold]))
    assert rounded.dtype == np.float32
    assert (value <= rounded) == (float(value) <= threshold)


def test_of_equally_near_neighbours_the_first_count():
    config = NearestNeighboursConfig(neighbours=(2,))
    x = np.array([[1.0], [0.0], [0.0], [0.0], [5.0]])
    known = Sample(x, np.arange(5.0)[:, None])
    found = config.build(config.fit({"neighbours": 2}, known))(jnp.array([[0.0], [4.9]]))
    np.testing.assert_allclose(found, [[1.5], [2.0]])


# The search.


def test_what_a_few_trees_say_is_what_they_say_on_their_own():
    config = GradientBoostingConfig(trees=(2, 5), depth=(2,), rate=(0.5,))
    [group] = config.groups()
    together = config.answers(group, SAMPLE, ASKED)
    apart = [config.answers([choice], SAMPLE, ASKED)[0] for choice in group]
    np.testing.assert_allclose(together, apart, rtol=1e-12)
    assert not np.allclose(*together)


def test_boosting_grows_the_same_trees_on_the_means_of_repeated_particles():
    from sklearn.ensemble import GradientBoostingRegressor

    rows = DRAW.integers(0, 30, size=len(SAMPLE.x))
    repeated = Sample(SAMPLE.x[rows], SAMPLE.y)
    config = GradientBoostingConfig(trees=(20,), depth=(3,), rate=(0.3,))
    [[choice]] = config.groups()
    found = config.build(config.fit(choice, repeated))(jnp.asarray(repeated.x, jnp.float32))
    plain = [
        GradientBoostingRegressor(n_estimators=20, max_depth=3, learning_rate=0.3).fit(repeated.x, channel)
        for channel in repeated.y.T
    ]
    expected = np.stack([regressor.predict(repeated.x) for regressor in plain], axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_published_grids_are_complete():
    sizes = {name: sum(map(len, config().groups())) for name, config in components("estimator").items()}
    assert sizes == {
        "linear": 1,
        "decision_tree": 5 * 5 * 5,
        "gradient_boosting": 4 * 5 * 5,
        "nearest_neighbours": 6,
        "support_vectors": 4 * (1 + 3 * 6),
    }


def test_the_search_takes_the_smallest_distance_over_all_folds():
    config, folds = NearestNeighboursConfig(neighbours=(40, 3, 1)), 3
    events = np.array_split(np.arange(len(SAMPLE.x)), folds)
    scores = []
    for [choice] in config.groups():
        distances = []
        for part in events:
            rest = np.concatenate([other for other in events if other is not part])
            model = config.build(config.fit(choice, SAMPLE.part(rest)))
            said = np.asarray(model(jnp.asarray(SAMPLE.x[part], jnp.float32)))
            distances.append(channel_wasserstein(SAMPLE.y[part], said).mean())
        scores.append(np.mean(distances))
    watched: list[int] = []

    def watch(parts: Any) -> Any:
        watched.append(len(parts))
        return iter(parts)

    found = best_choice(config, SAMPLE, folds, watch)
    assert found == config.groups()[int(np.argmin(scores))][0]
    # Averages over many events are distributed too narrowly.
    assert found["neighbours"] < 40
    assert watched == [3 * folds]


def test_nothing_is_searched_where_there_is_nothing_to_choose():
    def watch(parts: Any) -> Any:
        raise AssertionError("searched")

    few = Sample(np.zeros((1, 4)), np.zeros((1, 2)))
    assert best_choice(LinearConfig(), few, 5, watch) == {}
    assert best_choice(NearestNeighboursConfig(neighbours=(9,)), few, 5, watch) == {"neighbours": 9}


def test_too_few_events_are_one_clear_line():
    few = SAMPLE.part(np.arange(4))
    with pytest.raises(DataError, match=r"^4 validation events cannot be divided into 5 folds for the grid search$"):
        best_choice(DecisionTreeConfig(), few, 5, iter)
    with pytest.raises(DataError, match=r"25 neighbours among 4 events; name fewer in `neighbours`$"):
        NearestNeighboursConfig().fit({"neighbours": 25}, few)


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    need_scikit_learn("estimator 'linear'")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ComponentError) as refused:
        need_scikit_learn("estimator 'linear'")
    assert str(refused.value) == (
        "estimator 'linear': scikit-learn is an extra that is not installed: pip install 'calozoo[classical]'"
    )


def test_estimators_are_compiled_with_shapes_alone():
    """A stage is restored into an abstract model, which its constants shape."""
    config = SMALL["gradient_boosting"]
    [[choice]] = config.groups()
    constants = config.fit(choice, SAMPLE)
    estimator = jax.eval_shape(lambda: config.build(constants))
    assert estimator.roots.shape == (2, 12)
    assert estimator.levels == 3
