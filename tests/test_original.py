"""The data against itself: whose responses are drawn, and how they score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.events import Events
from zoo.detectors.zdc import checkerboard_readout
from zoo.detectors.zn import ZNConfig
from zoo.schemes.model import Model, ModelConfig

KEY = jax.random.key(0)
SHAPE = (8, 6)
SMALL = replace(ZNConfig().build(), shape=SHAPE, readout=checkerboard_readout(*SHAPE))


@pytest.fixture(scope="module")
def events(make_events: Callable[..., Events]) -> Events:
    return make_events(SMALL, 60)


def model(events: Events, target: str = "response", **keys: Any) -> Model:
    config = ModelConfig.model_validate({"target": target, "scheme": {"name": "original", **keys}})
    assert not config.scheme.trained
    constants = config.fit(SMALL, events)
    unfitted = config.unfitted(SMALL)
    assert set(constants) == set(unfitted)
    return config.build(SMALL, constants, {}, key=KEY)


@eqx.filter_jit
def drawn(model: Model, particles: Any, key: Any) -> Any:
    return model.sample(jnp.asarray(particles, jnp.float32), key)


def own_responses(events: Events, event: int) -> set[bytes]:
    same = (events.particles == events.particles[event]).all(axis=1)
    return {response.astype(np.float32).tobytes() for response in events.counts[same]}


def test_every_particle_gets_its_own_responses_and_in_time_all_of_them(events: Events):
    original = model(events)
    seen: list[set[bytes]] = [set() for _ in range(len(events))]
    for number in range(25):
        for event, response in enumerate(np.asarray(drawn(original, events.particles, jax.random.key(number)))):
            seen[event].add(response.tobytes())
    assert all(found <= own_responses(events, event) for event, found in enumerate(seen))
    assert sum(found == own_responses(events, event) for event, found in enumerate(seen)) > 0.95 * len(events)
    assert max(map(len, seen)) == 3


def test_channel_sums_are_those_of_a_response(events: Events):
    sums = np.asarray(drawn(model(events, "channels"), events.particles, KEY))
    assert sums.shape == (len(events), 5)
    responses = np.asarray(drawn(model(events), events.particles, KEY))
    np.testing.assert_allclose(sums, np.einsum("bhw,rhw->br", responses, SMALL.readout), rtol=1e-6)


def test_a_particle_that_was_never_seen_gets_the_responses_of_the_nearest_or_none(events: Events):
    others = events.particles.copy()
    others[:, 0] *= 1 + 1e-5
    assert np.isnan(np.asarray(drawn(model(events, unseen="refuse"), others, KEY))).all()
    found = np.asarray(drawn(model(events), others, KEY))
    assert all(found[event].tobytes() in own_responses(events, event) for event in range(len(events)))


def test_the_pdg_id_may_be_there_or_not(events: Events):
    original = model(events)
    np.testing.assert_array_equal(drawn(original, events.particles, KEY), drawn(original, events.particles[:, :9], KEY))
