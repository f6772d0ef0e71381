"""The vector per particle species in the condition."""

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
from zoo.detectors.detector import Detector
from zoo.errors import ComponentError, DataError
from zoo.runner.state import owned_by
from zoo.schemes.embeddings.particle_type import ParticleType, ParticleTypeConfig
from zoo.schemes.model import Model, ModelConfig, network_paths, parameter_counts

KEY = jax.random.key(0)
SCHEME = {
    "name": "vae",
    "latent": 2,
    "token_size": 2,
    "network": {"name": "vit", "patch": 16, "width": 8, "heads": 1, "blocks": 1, "dropout": 0.0},
    "embedding": {"name": "particle_type", "size": 3, "classes": 6},
}
KNOWN = [-211, 22, 2112, 2212]
"""The species of the synthetic events."""


@pytest.fixture(scope="module")
def events(zn: Detector, make_events: Callable[..., Events]) -> Events:
    return make_events(zn, 40)


def config(**table: Any) -> ModelConfig:
    return ModelConfig.model_validate({"scheme": SCHEME | {"embedding": SCHEME["embedding"] | table}})


@pytest.fixture(scope="module")
def model(zn: Detector, events: Events) -> Model:
    return config().build(zn, config().fit(zn, events), {}, key=KEY)


embedded = eqx.filter_jit(lambda embedding, particles: embedding(particles))
sampled = eqx.filter_jit(lambda model, particles: model.sample(particles, KEY))


@eqx.filter_jit
def gradient(model: Model, counts: Any, particles: Any) -> Any:
    owned, rest = eqx.partition(model, owned_by(model, network_paths(model.scheme)))
    batch = model.batch(counts, particles, KEY)
    return eqx.filter_grad(lambda owned: eqx.combine(owned, rest).scheme.loss("autoencoder", batch, KEY).value)(owned)


def embedding(model: Model) -> ParticleType:
    found = model.scheme.embedding
    assert isinstance(found, ParticleType)
    return found


def particles_of(events: Events, pdg: list[float]) -> jax.Array:
    rows = np.repeat(events.particles[:1], len(pdg), axis=0)
    rows[:, 9] = pdg
    return jnp.asarray(rows, jnp.float32)


def test_the_species_of_the_training_events_are_fitted(zn: Detector, events: Events):
    found = config().fit(zn, events)["scheme/embedding/pdg"]
    np.testing.assert_array_equal(found, [*KNOWN, np.nan, np.nan])
    assert config().unfitted(zn)["scheme/embedding/pdg"].shape == found.shape


def test_every_species_has_its_own_vector(model: Model, events: Events):
    own = embedding(model)
    found = embedded(own, particles_of(events, [2112.0, -211.0, 2212.0, 2112.0, 22.0]))
    np.testing.assert_array_equal(found, np.asarray(own.table)[[2, 0, 3, 2, 1]])
    assert found.dtype == jnp.float32


@pytest.mark.parametrize("pdg", [3122.0, 0.0, 1000822080.0])
def test_an_unknown_species_gets_the_mean_of_the_known_ones(pdg: float, model: Model, events: Events):
    own = embedding(model)
    [found] = np.asarray(embedded(own, particles_of(events, [pdg])))
    np.testing.assert_allclose(found, np.asarray(own.table)[: len(KNOWN)].mean(axis=0), atol=1e-6)
    [response] = np.asarray(sampled(model, particles_of(events, [pdg])))
    assert np.isfinite(response).all()


def test_nuclei_are_found_although_their_ids_need_more_than_24_bits(zn: Detector, events: Events):
    particles = events.particles.copy()
    particles[::2, 9] = 1000822080
    fitted = config().fit(zn, replace(events, particles=particles))
    own = embedding(config().build(zn, fitted, {}, key=KEY))
    [found] = np.asarray(embedded(own, particles_of(events, [1000822080.0])))
    np.testing.assert_array_equal(found, np.asarray(own.table)[len(KNOWN)])


def test_samples_depend_on_the_species_alone(model: Model, events: Events):
    one, other = (np.asarray(sampled(model, particles_of(events, [pdg]))) for pdg in (22.0, 2112.0))
    assert np.abs(one - other).max() > 1e-5


def test_encoder_and_decoder_are_told_the_species(zn: Detector):
    sizes = []
    for chosen in (config(), ModelConfig.model_validate({"scheme": {**SCHEME, "embedding": None}})):
        built = eqx.filter_eval_shape(lambda chosen=chosen: chosen.build(zn, chosen.unfitted(zn), {}, key=KEY))
        sizes.append(parameter_counts(built.scheme))
    size, width, tokens, token_size, classes = 3, 8, 9, 2, 6
    extra = {path: count - sizes[1].get(path, 0) for path, count in sizes[0].items()}
    expected = {"encoder": size * width, "head": 0, "decoder": size * tokens * token_size, "embedding": classes * size}
    assert extra == expected


def test_only_the_vectors_are_trained_and_unused_ones_stay(model: Model, events: Events):
    found = gradient(model, jnp.asarray(events.counts[:8]), jnp.asarray(events.particles[:8], jnp.float32))
    assert jax.tree.leaves(found.scheme.embedding.pdg) == []
    table = np.asarray(found.scheme.embedding.table)
    present = np.isin([*KNOWN, 0, 0], events.particles[:8, 9])
    assert present.any()
    assert (np.abs(table).max(axis=1) > 0).tolist() == present.tolist()


def test_more_species_than_classes_are_refused(zn: Detector, events: Events):
    with pytest.raises(ComponentError, match=r"^embedding 'particle_type': .* 4 species; classes = 3 must be"):
        config(classes=3).fit(zn, events)


def test_particles_without_a_species_are_refused(zn: Detector, events: Events, model: Model):
    bare = replace(events, particles=events.particles[:, :9])
    message = "^particles without PDG id: it has to follow the 9 condition columns"
    with pytest.raises(DataError, match=message):
        config().fit(zn, bare)
    with pytest.raises(DataError, match=message):
        sampled(model, jnp.asarray(bare.particles, jnp.float32))


def test_the_published_embedding_has_21_species_of_32_numbers():
    published = ParticleTypeConfig()
    assert (published.classes, published.size) == (21, 32)
