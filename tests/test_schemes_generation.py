"""Generation in chunks: which particle gets which response, whatever the chunk."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.detectors.zdc import checkerboard_readout
from zoo.detectors.zn import ZNConfig
from zoo.schemes.generation import Generator
from zoo.schemes.model import Model, ModelConfig

KEY = jax.random.key(0)
SHAPE = (8, 6)
SMALL = replace(ZNConfig().build(), shape=SHAPE, readout=checkerboard_readout(*SHAPE))
FLOAT32 = jnp.dtype("float32")
CHUNK = 8


@pytest.fixture(scope="module")
def particles(make_events) -> np.ndarray:
    return make_events(SMALL, 40).particles


@pytest.fixture(scope="module")
def model(particles: np.ndarray) -> Model:
    """A flow whose response plainly depends on the particle: its weights are larger than fresh ones."""
    network = {"name": "mlp", "width": 16, "blocks": 1, "time_features": 4}
    scheme = {"name": "flow_matching", "network": network, "sampler": {"name": "euler", "steps": 3}}
    config: Any = ModelConfig.model_validate({"condition": "kinematic", "scheme": scheme})
    constants = config.unfitted(SMALL)
    return jax.tree.map(
        lambda leaf: 3 * leaf if hasattr(leaf, "ndim") and leaf.ndim == 2 else leaf,
        config.build(SMALL, constants, {}, key=KEY),
    )


@pytest.fixture(scope="module")
def generator(model: Model) -> Generator:
    return Generator(model, FLOAT32, chunk=CHUNK)


@pytest.mark.parametrize("number", [1, 7, 8, 9, 24, 30])
def test_every_particle_gets_its_response_in_order(generator: Generator, particles: np.ndarray, number: int):
    given = particles[:number]
    covered = []
    for rows, generated in generator.chunks(given, KEY):
        assert generated.dtype == np.float32
        assert generated.shape == (rows.stop - rows.start, *SHAPE)
        covered += range(number)[rows]
    assert covered == list(range(number))
    assert generator.all(given, KEY).shape == (number, *SHAPE)


def test_a_chunk_is_what_the_model_samples(generator: Generator, model: Model, particles: np.ndarray):
    key = jax.random.fold_in(KEY, 1)
    expected = model.sample(jnp.asarray(particles[CHUNK : 2 * CHUNK], jnp.float32), key)
    np.testing.assert_allclose(generator.all(particles, KEY)[CHUNK : 2 * CHUNK], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("number", [1, 3, 7])
def test_padding_changes_nothing(generator: Generator, particles: np.ndarray, number: int):
    whole = np.asarray(generator(particles[:CHUNK], KEY))
    np.testing.assert_array_equal(np.asarray(generator(particles[:number], KEY))[:number], whole[:number])
    more = generator.all(particles[: CHUNK + number], KEY)
    np.testing.assert_array_equal(more, generator.all(particles[: 2 * CHUNK], KEY)[: CHUNK + number])


def test_a_response_depends_on_its_own_particle_alone(generator: Generator, particles: np.ndarray):
    changed = particles[:CHUNK].copy()
    changed[3] = particles[20]
    before, after = (np.asarray(generator(given, KEY)) for given in (particles[:CHUNK], changed))
    others = np.arange(CHUNK) != 3
    np.testing.assert_array_equal(before[others], after[others])
    assert not np.allclose(before[3], after[3])


def test_chunks_and_keys_have_their_own_noise(generator: Generator, particles: np.ndarray):
    same = np.repeat(particles[:1], 3 * CHUNK, axis=0)
    found = generator.all(same, KEY)
    assert len({response.tobytes() for response in found}) == 3 * CHUNK
    np.testing.assert_array_equal(found, generator.all(same, KEY))
    assert not np.allclose(found, generator.all(same, jax.random.key(1)))


def test_generation_can_be_taken_up_at_any_chunk(generator: Generator, particles: np.ndarray):
    whole = generator.all(particles[: 3 * CHUNK], KEY)
    rest = [generated for _, generated in generator.chunks(particles[CHUNK : 3 * CHUNK], KEY, offset=1)]
    np.testing.assert_array_equal(np.concatenate(rest), whole[CHUNK:])


def test_the_pdg_id_may_be_there_or_not(generator: Generator, particles: np.ndarray):
    with_id = generator.all(particles[:CHUNK], KEY)
    np.testing.assert_array_equal(generator.all(particles[:CHUNK, :9], KEY), with_id)


def test_bfloat16_computes_about_the_same_and_returns_float32(
    model: Model, generator: Generator, particles: np.ndarray
):
    low = Generator(model, jnp.dtype("bfloat16"), chunk=CHUNK).all(particles[:CHUNK], KEY)
    exact = generator.all(particles[:CHUNK], KEY)
    assert low.dtype == np.float32
    assert not np.array_equal(low, exact)
    np.testing.assert_allclose(np.log1p(low), np.log1p(exact), atol=0.3)
