"""Loss terms, one by one against plain NumPy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from zoo.data.condition import Condition
from zoo.data.events import Events
from zoo.data.readout import Readout
from zoo.data.target import ResponseConfig
from zoo.detectors.zdc import checkerboard_readout
from zoo.detectors.zn import ZNConfig
from zoo.errors import ComponentError, DataError
from zoo.schemes.gan.auxiliary_regressor import AuxiliaryRegressor, brightest
from zoo.schemes.model import Model, ModelConfig
from zoo.schemes.scheme import Batch, Fitting, Setting
from zoo.schemes.terms.auxiliary import AuxiliaryConfig
from zoo.schemes.terms.diversity import DiversityConfig
from zoo.schemes.terms.l1 import L1Config
from zoo.schemes.terms.l2 import L2Config
from zoo.schemes.terms.particle_table import ParticleTable
from zoo.schemes.terms.term import Judged, Made, build_terms, fit_terms, unfitted_terms

KEY = jax.random.key(0)
SHAPE = (8, 6)
SMALL = replace(ZNConfig().build(), shape=SHAPE, readout=checkerboard_readout(*SHAPE))
VIT = {"name": "vit", "patch": 4, "width": 8, "heads": 1, "blocks": 1}
REGRESSOR = {"name": "auxiliary_regressor", "network": VIT, "token_size": 4, "hidden": [6]}


@pytest.fixture(scope="module")
def events(make_events) -> Events:
    return make_events(SMALL, 24)


def setting(earlier: dict[str, Model] | None = None) -> Setting:
    target = ResponseConfig.model_validate({}).build(SMALL, {})
    return Setting(shape=SHAPE, features=9, maps=0, target=target, readout=Readout(SMALL), earlier=earlier or {})


def no_stage(stage: str) -> Any:
    raise AssertionError(f"no term here generates with {stage}")


def batch_of(events: Events) -> Batch:
    counts = jnp.asarray(events.counts, jnp.float32)
    particles = jnp.asarray(events.particles, jnp.float32)
    return Batch(jnp.log1p(counts), counts, counts, Condition(particles, particles[:, :9]))


def made(events: Events, seed: int = 0) -> Made:
    batch = batch_of(events)
    x = np.random.default_rng(seed).uniform(0.0, 3.0, batch.x.shape)
    return Made(jnp.asarray(x, jnp.float32), batch.condition, batch)


def test_differences_are_summed_over_pixels_and_averaged_over_events(events: Events):
    given_ = made(events)
    off = np.asarray(given_.x, np.float64) - np.log1p(events.counts)
    assert float(L1Config().build(setting())(given_)) == pytest.approx(np.abs(off).sum() / len(events), rel=1e-5)
    assert float(L2Config().build(setting())(given_)) == pytest.approx(np.square(off).sum() / len(events), rel=1e-5)


def test_terms_are_weighted_added_and_told_by_name(events: Events):
    configs = [L1Config(weight=2.0), L2Config(weight=0.5)]
    total, values = build_terms(configs, setting())(made(events))
    assert set(values) == {"l1", "l2"}
    assert float(total) == pytest.approx(2.0 * float(values["l1"]) + 0.5 * float(values["l2"]), rel=1e-6)
    assert float(build_terms([], setting())(made(events))[0]) == 0.0


def test_a_term_that_is_listed_twice_is_refused():
    with pytest.raises(ComponentError, match=r"^term 'l1' is listed twice"):
        build_terms([L1Config(), L1Config(weight=2.0)], setting())


def test_only_a_scheme_with_a_discriminator_takes_a_term_that_needs_one():
    scheme = {"name": "vae", "network": VIT, "terms": ["l1", "diversity"]}
    with pytest.raises(ValidationError, match="diversity"):
        ModelConfig.model_validate({"scheme": scheme})
    ModelConfig.model_validate({"scheme": scheme | {"terms": ["l1"]}})


# The table of particles.

rows = arrays(np.float32, st.tuples(st.integers(1, 40), st.just(3)), elements=st.sampled_from([-1.5, 0.0, 0.25, 7.0]))


@settings(max_examples=25)
@given(known=rows, asked=rows)
def test_a_table_finds_exactly_the_particles_it_knows(known: np.ndarray, asked: np.ndarray):
    particles = np.unique(known, axis=0)
    values = np.arange(1.0, len(particles) + 1.0)
    expected = {tuple(row): value for row, value in zip(particles.tolist(), values, strict=True)}
    asked = np.concatenate([asked, known])
    with jax.disable_jit():
        found = ParticleTable(jnp.asarray(particles), jnp.asarray(values, jnp.float32))(jnp.asarray(asked))
    np.testing.assert_array_equal(found, [expected.get(tuple(row), 0.0) for row in asked.tolist()])


# Diversity.


def fitted(events: Events) -> dict[str, np.ndarray]:
    features: Any = None
    return dict(fit_terms([DiversityConfig()], Fitting(setting(), events, no_stage, events, features, iter)))


def expected_diversity(events: Events) -> dict[tuple[float, ...], float]:
    """f(c) of every particle, by its nine columns, recomputed event by event."""
    logs: dict[tuple[float, ...], list[np.ndarray]] = {}
    for counts, particle in zip(events.counts, events.particles, strict=True):
        logs.setdefault(tuple(particle[:9].tolist()), []).append(np.log1p(counts.astype(np.float64)))
    spread = {key: float(np.std(values, axis=0, ddof=0).sum()) for key, values in logs.items()}
    low, high = min(spread.values()), max(spread.values())
    return {key: (value - low) / (high - low) for key, value in spread.items()}


def test_diversity_is_fitted_per_particle_and_scaled_over_the_training_events(events: Events):
    # One particle occurs once: it has no spread at all.
    some = events[np.arange(1, len(events))]
    constants = fitted(some)
    assert set(constants) == {"terms/diversity/particles", "terms/diversity/diversity"}
    expected = expected_diversity(some)
    found = dict(
        zip(
            map(tuple, constants["terms/diversity/particles"].tolist()),
            constants["terms/diversity/diversity"],
            strict=True,
        )
    )
    assert len(found) == len(expected)
    for particle, value in expected.items():
        key = tuple(np.asarray(particle, np.float32).astype(np.float64).tolist())
        assert found[key] == pytest.approx(value, abs=1e-6)
    assert {0.0, 1.0} <= set(found.values())


def test_the_particle_id_is_no_part_of_the_particle(events: Events):
    without = Events(events.counts, events.particles[:, :9], "synthetic")
    one, other = fitted(events), fitted(without)
    assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("same", ["responses", "particles"])
def test_events_without_diversity_are_refused(same: str, events: Events):
    counts, particles = events.counts.copy(), events.particles.copy()
    if same == "responses":
        counts[:] = counts[0]
    else:
        particles[:, 0] = np.arange(len(particles))
    with pytest.raises(DataError, match=r"^term 'diversity': all training particles have equally diverse responses"):
        fitted(Events(counts, particles, "synthetic"))


def judged(events: Events, embedding: np.ndarray, other: np.ndarray, noise: np.ndarray, drawn: np.ndarray) -> Made:
    """Responses to the particles of the events in reverse order."""
    first, batch = made(events), batch_of(events)
    condition = jax.tree.map(lambda leaf: leaf[::-1], batch.condition)
    as32 = [jnp.asarray(array, jnp.float32) for array in (noise, embedding, drawn, other)]
    return replace(first, condition=condition, judged=Judged(batch, as32[0], as32[1], lambda: (as32[2], as32[3])))


@pytest.mark.parametrize("permuted", [True, False])
def test_diversity_against_its_formula(permuted: bool, events: Events):
    draw = np.random.default_rng(2)
    embedding, other = draw.normal(size=(2, len(events), 7))
    noise, drawn = draw.normal(size=(2, len(events), 3))
    config = DiversityConfig(permuted=permuted)
    own = replace(setting(), constants=fitted(events))
    [term] = build_terms([config], own).terms
    f = expected_diversity(events)
    values = np.array([f[tuple(particle[:9].tolist())] for particle in events.particles])
    values = values[::-1] if permuted else values
    expected = np.mean(values * np.abs(noise - drawn).mean(axis=1) / np.abs(embedding - other).mean(axis=1))
    assert float(term(judged(events, embedding, other, noise, drawn))) == pytest.approx(expected, rel=1e-4)


def test_equal_embeddings_do_not_break_the_term(events: Events):
    [term] = build_terms([DiversityConfig()], replace(setting(), constants=fitted(events))).terms
    embedding, noise = np.ones((len(events), 7)), np.zeros((len(events), 3))

    def value(embedding: Any) -> Any:
        given_ = judged(events, np.ones((len(events), 7)), np.ones((len(events), 7)), noise, noise + 1.0)
        assert given_.judged is not None
        return term(replace(given_, judged=replace(given_.judged, embedding=embedding)))

    found, gradient = jax.value_and_grad(value)(jnp.asarray(embedding, jnp.float32))
    assert np.isfinite(found)
    assert np.isfinite(gradient).all()


def test_diversity_can_be_built_without_data():
    constants = unfitted_terms([DiversityConfig()], setting())
    assert build_terms([DiversityConfig()], replace(setting(), constants=constants)).terms


# The auxiliary regressor.


@pytest.fixture(scope="module")
def regressor(events: Events) -> Model:
    config = ModelConfig.model_validate({"scheme": REGRESSOR})
    built = config.build(SMALL, config.fit(SMALL, events), {}, key=KEY)
    # Untrained, it would see every brightest pixel in a corner.
    bias = jnp.array([4.0, 3.0])
    return eqx.tree_at(lambda model: model.scheme.network.head.out.bias, built, bias)


def test_the_brightest_pixel_is_the_first_of_the_brightest():
    image = np.zeros((3, 4, 5), np.float32)
    image[0, 2, 3] = 1.0
    image[1, 1, 4] = image[1, 3, 0] = 2.0
    np.testing.assert_array_equal(brightest(jnp.asarray(image)), [[2, 3], [1, 4], [0, 0]])


def test_the_regressor_stays_within_the_image_and_tells_its_errors(regressor: Model, events: Events):
    batch = batch_of(events)
    far = eqx.tree_at(lambda model: model.scheme.network.head.out.bias, regressor, jnp.array([-50.0, 90.0]))
    scheme: Any = far.scheme
    errors = eqx.filter_jit(lambda scheme, batch: scheme.errors(batch))(scheme, batch)
    place = np.array([np.unravel_index(np.argmax(counts), SHAPE) for counts in events.counts], np.float64)
    np.testing.assert_allclose(errors["row_error"], place[:, 0], rtol=1e-6)
    np.testing.assert_allclose(errors["column_error"], SHAPE[1] - place[:, 1], rtol=1e-6)
    np.testing.assert_allclose(errors["loss"], place[:, 0] ** 2 + (SHAPE[1] - place[:, 1]) ** 2, rtol=1e-6)


def test_the_regressors_loss_is_its_mean_error_without_dropout(regressor: Model, events: Events):
    scheme: Any = regressor.scheme
    still = eqx.tree_at(
        lambda scheme: scheme.network.encoder,
        scheme,
        ModelConfig.model_validate({"scheme": {**REGRESSOR, "network": {**VIT, "dropout": 0.0}}})
        .build(SMALL, ModelConfig.model_validate({"scheme": REGRESSOR}).fit(SMALL, events), {}, key=KEY)
        .scheme.network.encoder,
    )
    batch = batch_of(events)
    both = eqx.filter_jit(lambda scheme, batch: (scheme.loss("regressor", batch, KEY), scheme.errors(batch)["loss"]))
    outcome, errors = both(still, batch)
    assert float(outcome.value) == pytest.approx(float(np.mean(errors)), rel=1e-4)
    assert isinstance(outcome.scheme, AuxiliaryRegressor)


def test_the_auxiliary_term_compares_what_the_regressor_sees(regressor: Model, events: Events):
    [term] = build_terms([AuxiliaryConfig(stage="first")], setting({"first": regressor})).terms
    batch = batch_of(events)
    evaluated = eqx.filter_jit(lambda term, x, batch: term(Made(x, batch.condition, batch)))
    assert float(evaluated(term, batch.x, batch)) == 0.0
    scheme: Any = regressor.scheme
    seen = eqx.filter_jit(lambda model, x, particles: model.scheme.positions(x, model.features(particles)))
    other = made(events).x
    off = np.asarray(seen(regressor, other, batch.condition.particles), np.float64) - np.asarray(
        seen(regressor, batch.x, batch.condition.particles)
    )
    assert float(evaluated(term, other, batch)) == pytest.approx(np.square(off).sum(axis=1).mean(), rel=1e-4)
    assert scheme.shape == SHAPE


def test_the_auxiliary_term_needs_a_regressor_of_the_same_target(regressor: Model, events: Events):
    config = ModelConfig.model_validate({"scheme": {"name": "vae", "network": VIT}})
    other = config.build(SMALL, config.fit(SMALL, events), {}, key=KEY)
    with pytest.raises(ComponentError, match=r"the scheme of stage 'first' must be 'auxiliary_regressor'$"):
        build_terms([AuxiliaryConfig(stage="first")], setting({"first": other}))
    scaled = ResponseConfig.model_validate({"transforms": ["log1p", {"name": "scale", "factor": 2.0}]})
    target = scaled.build(SMALL, {})
    with pytest.raises(ComponentError, match=r"stage 'first' must have the same model\.target as this one$"):
        build_terms([AuxiliaryConfig(stage="first")], replace(setting({"first": regressor}), target=target))
