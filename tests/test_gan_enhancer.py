"""A GAN in sight of rings: who sees them, and what reaches whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.events import Events
from zoo.detectors.focal_h import FoCalHConfig
from zoo.errors import ComponentError
from zoo.schemes.enhanced import Enhanced
from zoo.schemes.model import Model, ModelConfig
from zoo.schemes.scheme import Batch, Outcome

KEY = jax.random.key(0)
SHAPE = (9, 7)
SMALL = replace(FoCalHConfig().build(), shape=SHAPE, pitch=(12.0, 16.0), readout=np.ones((1, *SHAPE), dtype=bool))
NETWORK = {"name": "strided_cnn", "width": 4, "smallest": 3, "residual_blocks": [1], "refine": [3]}
GAN = {
    "name": "gan",
    "latent": 3,
    "token_size": 0,
    "hidden": [6],
    "terms": ["positional"],
    "generator": NETWORK,
    "discriminator": NETWORK,
}
RINGS = {"name": "ring_profile", "network": {"name": "perceptron", "hidden": [4]}, "rings": 12}


@pytest.fixture(scope="module")
def events() -> Events:
    draw = np.random.default_rng(0)
    particles = np.column_stack([draw.uniform(20, 400, 6), draw.uniform(3.5, 5.3, 6), draw.uniform(-3, 3, 6)])
    return Events(draw.poisson(4.0, (6, *SHAPE)).astype(np.uint16), particles, "synthetic")


@pytest.fixture(scope="module")
def approximation(events: Events) -> Model:
    config = ModelConfig.model_validate({"scheme": RINGS})
    return config.build(SMALL, config.fit(SMALL, events), {}, key=KEY)


def build(approximation: Model, **changes: Any) -> Model:
    scheme = {"name": "enhanced", "follows": "approx", "enhancer": GAN | changes}
    config, earlier = ModelConfig.model_validate({"scheme": scheme}), {"approx": approximation}
    return config.build(SMALL, config.unfitted(SMALL, earlier), earlier, key=KEY)


def batch_of(model: Model, events: Events) -> Batch:
    return model.batch(jnp.asarray(events.counts), jnp.asarray(events.particles, jnp.float32), KEY)


@eqx.filter_jit
def step(built: Model, batch: Batch) -> dict[str, tuple[Outcome, Any]]:
    """Per player what its loss returns, and the gradient with respect to everything."""

    def derived(player: str) -> tuple[Outcome, Any]:
        def loss(scheme: Any) -> tuple[Any, Outcome]:
            outcome = scheme.loss(player, batch, KEY)
            return outcome.value, outcome

        (_, outcome), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(built.scheme)
        return outcome, gradient

    return {player: derived(player) for player in built.scheme.players()}


def test_losses_reach_every_parameter_of_their_player_and_the_rings_never(approximation: Model, events: Events):
    model = build(approximation)
    found = step(model, batch_of(model, events))
    assert set(found) == {"generator", "discriminator"}
    for player, (outcome, gradient) in found.items():
        assert all(np.isfinite(value) for value in outcome.metrics.values())
        for path, leaf in jax.tree.leaves_with_path(getattr(gradient.enhancer, player)):
            name = jax.tree_util.keystr(path)
            assert np.isfinite(leaf).all(), (player, name)
            # Running statistics are not derived through, and a norm takes away what a bias before it adds.
            exempt = ".value" in name or (player == "generator" and name.endswith(".bias"))
            assert exempt or np.asarray(leaf).any(), (player, name)
        assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves(gradient.model))
    assert float(found["generator"][0].metrics["positional"]) > 0.0
    assert "positional" not in found["discriminator"][0].metrics


@pytest.mark.parametrize("judged", [False, True])
def test_the_generator_sees_the_rings_and_the_discriminator_if_asked(
    approximation: Model, events: Events, judged: bool
):
    """What it judges is derived through nowhere: rings could reach its loss only by its own eyes."""
    model = build(approximation, judged_maps=judged)
    batch = batch_of(model, events)
    assert isinstance(model.scheme, Enhanced)
    gan = model.scheme.enhancer

    @jax.jit
    def slopes(rings: Any) -> list[Any]:
        def loss(rings: Any, player: str) -> Any:
            return gan.loss(player, replace(batch, condition=batch.condition.with_map(rings)), KEY).value

        return [jax.grad(loss)(rings, player) for player in ("generator", "discriminator")]

    generator, discriminator = slopes(jnp.ones((6, *SHAPE)))
    assert np.asarray(generator).any()
    assert np.asarray(discriminator).any() == judged


def test_samples_are_signal_that_varies_with_the_noise(approximation: Model, events: Events):
    particles = jnp.asarray(events.particles, jnp.float32)
    sampled = eqx.filter_jit(lambda model, key: model.sample(particles, key))
    model = build(approximation)
    one, same, other = (np.asarray(sampled(model, jax.random.key(seed))) for seed in (1, 1, 2))
    assert one.shape == (6, *SHAPE)
    assert one.min() >= 0.0
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_a_generator_without_maps_is_refused(approximation: Model):
    vit = {"name": "vit", "patch": 3, "width": 8, "heads": 1, "blocks": 1}
    with pytest.raises(ComponentError, match=r"^architecture 'vit' has no use for condition maps in a generator$"):
        build(approximation, generator=vit)


def test_maps_are_judged_only_where_there_are_some():
    config = ModelConfig.model_validate({"scheme": GAN | {"terms": [], "judged_maps": True}})
    with pytest.raises(ComponentError, match=r"^judged_maps: there are no condition maps"):
        config.build(SMALL, config.unfitted(SMALL, {}), {}, key=KEY)
