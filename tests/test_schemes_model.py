"""A stage's model: its parts fit together for every choice, with and without data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.catalogue import components
from zoo.data.events import Events
from zoo.detectors.zdc import checkerboard_readout
from zoo.detectors.zn import ZNConfig
from zoo.schemes.model import Model, ModelConfig, network_paths, parameter_counts
from zoo.schemes.scheme import network_at

KEY = jax.random.key(0)
SHAPE = (8, 6)
SMALL = replace(ZNConfig().build(), shape=SHAPE, readout=checkerboard_readout(*SHAPE))
WIDTH, BLOCKS, TIME = 8, 2, 4
NETWORK = {"name": "mlp", "width": WIDTH, "blocks": BLOCKS, "time_features": TIME}
FLOW = {"name": "flow_matching", "network": NETWORK, "sampler": {"name": "euler", "steps": 2}}


@pytest.fixture(scope="module")
def events(make_events) -> Events:
    return make_events(SMALL, 30)


def config(**table: Any) -> ModelConfig:
    return ModelConfig.model_validate({"scheme": FLOW, **table})


OF_A_ZDC = [name for name in components("features") if name != "polar"]
"""Features of the particles of these tests."""

CHOICES = [
    {"condition": condition, "target": {"name": target, "transforms": ["dequantise", "log1p"]}, "maps": maps}
    for condition in OF_A_ZDC
    for target in components("target")
    for maps in (None, "impact_maps")
]


def choice(table: dict[str, Any]) -> ModelConfig:
    return config(**{key: value for key, value in table.items() if value is not None})


def everything(model: Model, counts: Any, particles: Any) -> tuple[Any, ...]:
    """The batch, its loss and a sample."""
    batch = model.batch(counts, particles, KEY)
    return batch, model.scheme.loss("velocity", batch, KEY).value, model.sample(particles, KEY)


@pytest.mark.parametrize(
    "table", CHOICES, ids=lambda table: f"{table['condition']}-{table['target']['name']}-{table['maps']}"
)
def test_the_parts_fit_together_for_every_choice(table: dict[str, Any], events: Events):
    chosen = choice(table)
    model = eqx.filter_eval_shape(lambda: chosen.build(SMALL, chosen.unfitted(SMALL), {}, key=KEY))
    particles = jax.ShapeDtypeStruct(events.particles.shape, jnp.float32)
    batch, loss, sample = eqx.filter_eval_shape(everything, model, events.counts, particles)
    shape = (len(events), *chosen.target.shape(SMALL))
    assert batch.x.shape == batch.physical.shape == sample.shape == shape
    assert batch.counts.shape == (len(events), *SHAPE)
    assert batch.condition.features.shape == (len(events), chosen.condition.size(SMALL))
    assert (batch.condition.maps is None) == (table["maps"] is None)
    assert loss.shape == ()
    assert {batch.x.dtype, batch.counts.dtype, loss.dtype, sample.dtype} == {jnp.dtype("float32")}


@pytest.mark.parametrize(("condition", "target"), [("published", "channels"), ("kinematic", "response")])
def test_a_fitted_model_trains_and_samples_finite_numbers(condition: str, target: str, events: Events):
    chosen = config(condition=condition, target=target, maps="impact_maps")
    model = chosen.build(SMALL, chosen.fit(SMALL, events), {}, key=KEY)
    particles = jnp.asarray(events.particles, jnp.float32)
    batch, loss, sample = eqx.filter_jit(everything)(model, jnp.asarray(events.counts), particles)
    np.testing.assert_array_equal(batch.counts, events.counts)
    np.testing.assert_array_equal(batch.physical, model.target.physical(batch.counts))
    np.testing.assert_allclose(batch.x, np.log1p(batch.physical), rtol=1e-5)
    for found in (loss, sample, batch.condition.features):
        assert np.isfinite(np.asarray(found)).all()


@pytest.mark.parametrize("condition", OF_A_ZDC)
@pytest.mark.parametrize("transforms", [["log1p"], ["dequantise", "log1p", "standardise"]])
def test_a_model_built_without_data_has_the_structure_of_a_fitted_one(
    condition: str, transforms: list[str], events: Events
):
    chosen = config(condition=condition, target={"name": "channels", "transforms": transforms})
    fitted, unfitted = chosen.fit(SMALL, events), chosen.unfitted(SMALL)
    assert {name: value.shape for name, value in fitted.items()} == {k: v.shape for k, v in unfitted.items()}
    assert all(value.dtype == np.float64 for value in fitted.values())
    one, other = (chosen.build(SMALL, constants, {}, key=KEY) for constants in (fitted, unfitted))
    assert jax.tree.structure(one) == jax.tree.structure(other)
    abstract = eqx.filter_eval_shape(lambda: chosen.build(SMALL, unfitted, {}, key=KEY))
    assert parameter_counts(abstract.scheme) == parameter_counts(one.scheme)


def test_constants_come_from_the_given_events_alone(events: Events):
    chosen = config(condition="published", target={"name": "channels", "transforms": ["standardise"]})
    constants = chosen.fit(SMALL, events[:20])
    columns = events.particles[:20, :9]
    np.testing.assert_allclose(constants["condition/mean"], columns.mean(axis=0))
    np.testing.assert_allclose(constants["condition/scale"], columns.std(axis=0))
    sums = np.stack([events.counts[:20, mask].sum(axis=1) for mask in SMALL.readout], axis=1)
    np.testing.assert_allclose(constants["target/0/mean"], sums.mean(axis=0))


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f4"])
def test_a_batch_does_not_depend_on_the_dtype_of_the_counts(dtype: str, events: Events):
    chosen = config()
    model = chosen.build(SMALL, chosen.fit(SMALL, events), {}, key=KEY)
    particles = jnp.asarray(events.particles, jnp.float32)
    counts = np.minimum(events.counts, 200)
    expected = model.batch(jnp.asarray(counts), particles, KEY)
    found = model.batch(jnp.asarray(counts.astype(dtype)), particles, KEY)
    np.testing.assert_array_equal(found.x, expected.x)
    np.testing.assert_allclose(found.x, np.log1p(counts), rtol=1e-5)
    assert found.counts.dtype == jnp.float32


def test_parameters_are_counted_by_network():
    chosen = config(condition="published", target="channels")
    model = chosen.build(SMALL, chosen.unfitted(SMALL), {}, key=KEY)
    inputs = 5 + 9 + TIME
    block = 2 * WIDTH + 2 * (WIDTH**2 + WIDTH)
    expected = (inputs * WIDTH + WIDTH) + BLOCKS * block + 2 * WIDTH + (WIDTH * 5 + 5)
    assert parameter_counts(model.scheme) == {"network": expected}
    assert network_paths(model.scheme) == ("network",)
    assert network_at(model.scheme, "network.enter").weight.shape == (inputs, WIDTH)


def test_the_same_key_gives_the_same_weights_and_another_key_others():
    chosen = config()
    weights = [
        np.asarray(
            chosen.build(SMALL, chosen.unfitted(SMALL), {}, key=jax.random.key(seed)).scheme.network.enter.weight
        )
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


@pytest.mark.parametrize("part", ["condition", "target", "scheme"])
def test_parts_may_be_named_or_written_out(part: str):
    named = {"condition": "kinematic", "target": "channels", "scheme": FLOW}
    written = named | {
        "condition": {"name": "kinematic", "octaves": 5},
        "target": {"name": "channels", "transforms": ["log1p"]},
    }
    assert getattr(ModelConfig.model_validate(named), part) == getattr(ModelConfig.model_validate(written), part)
