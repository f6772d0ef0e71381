"""Heads, token inputs and the noise generator, and the totals of the published models assembled from parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.architectures.backbone import BackboneConfig
from zoo.architectures.cnn import CNNConfig
from zoo.architectures.heads import LatentHead, TokenHead, TokenInput
from zoo.architectures.mlp_mixer import MLPMixerConfig
from zoo.architectures.noise_generator import NoiseGenerator
from zoo.architectures.vit import ViTConfig
from zoo.layers.buffer import Buffer
from zoo.layers.linear import Linear
from zoo.typing import Key

KEY = jax.random.key(0)
ZN = (44, 44)


def parameters(build: Callable[[Key], Any]) -> int:
    """Trainable parameters of something that is built abstractly."""
    leaves = jax.tree.leaves(eqx.filter_eval_shape(build, KEY), is_leaf=lambda node: isinstance(node, Buffer))
    return sum(leaf.size for leaf in leaves if not isinstance(leaf, Buffer))


def vae(network: BackboneConfig, key: Key, features: int = 9, latent: int = 10) -> Any:
    wanted = network.decoder_tokens(ZN)
    return (
        network.build_encoder(shape=ZN, features=features, key=key),
        LatentHead(*network.encoder_tokens(ZN, features=features), latent, key=key),
        TokenInput(latent + features, wanted, 64, key=key),
        network.build_decoder(shape=ZN, token_size=64, key=key),
    )


def supervised(network: BackboneConfig, key: Key) -> Any:
    tokens, size = network.encoder_tokens(ZN)
    return (
        network.build_encoder(shape=ZN, key=key),
        Linear(tokens * size, 9, key=key),
        TokenInput(19, network.decoder_tokens(ZN), 64, key=key),
        network.build_decoder(shape=ZN, token_size=64, key=key),
    )


def with_noise_generator(network: BackboneConfig, key: Key) -> Any:
    tokens, size = network.encoder_tokens(ZN)
    return (
        network.build_encoder(shape=ZN, key=key),
        Linear(tokens * size, 20, key=key),
        TokenInput(20, network.decoder_tokens(ZN), 64, key=key),
        network.build_decoder(shape=ZN, token_size=64, key=key),
        NoiseGenerator(10, 9, 20, key=key),
    )


@pytest.mark.parametrize(
    ("wrapper", "network", "total"),
    [
        (vae, CNNConfig(), 826_233),
        (vae, ViTConfig(), 1_020_217),
        (vae, MLPMixerConfig(), 959_590),
        (supervised, CNNConfig(), 834_378),
        (supervised, ViTConfig(), 997_642),
        (supervised, MLPMixerConfig(), 935_730),
        (with_noise_generator, CNNConfig(), 1_381_225),
        (with_noise_generator, ViTConfig(), 1_512_105),
        (with_noise_generator, MLPMixerConfig(), 1_450_193),
    ],
)
def test_totals_of_the_published_autoencoders(wrapper: Callable[..., Any], network: BackboneConfig, total: int):
    assert parameters(lambda key: wrapper(network, key)) == total


def test_total_with_an_embedded_particle_type():
    assert parameters(lambda key: vae(ViTConfig(), key, features=9 + 32)) + 21 * 32 == 1_097_689


def test_the_generator_of_the_gans():
    network = ViTConfig(width=128)

    def generator(key: Key) -> Any:
        tokens, size = network.decoder_tokens(ZN), network.pre_size
        decoder = network.build_decoder(shape=ZN, token_size=size, features=9, key=key)
        return TokenInput(10 + 9, tokens, size, key=key), decoder

    assert parameters(generator) == 915_841


@pytest.mark.parametrize(("outputs", "total"), [(1, 1_422_337), (2, 1_422_402)])
def test_the_discriminator_and_the_auxiliary_regressor(outputs: int, total: int):
    network = ViTConfig(width=128)

    def judge(key: Key) -> Any:
        tokens = network.encoder_tokens(ZN, features=9)
        encoder = network.build_encoder(shape=ZN, features=9, key=key)
        return encoder, TokenHead(*tokens, outputs, key=key)

    assert parameters(judge) == total


def test_parameters_of_the_noise_generator():
    assert parameters(lambda key: NoiseGenerator(10, 9, 20, key=key)) == 474_132


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


def test_a_token_head_also_returns_its_first_layer_flattened():
    head = TokenHead(5, 4, 3, per_token=6, hidden=(8, 7), key=KEY)
    tokens = drawn(2, 5, 4)
    outputs, embedding = head(jnp.asarray(tokens))
    assert outputs.shape == (2, 3)
    assert outputs.dtype == embedding.dtype == jnp.float32
    np.testing.assert_allclose(embedding, (tokens @ np.asarray(head.per_token.weight)).reshape(2, 30), atol=1e-5)
    hidden = embedding
    for layer in head.hidden:
        hidden = jax.nn.gelu(hidden @ layer.weight)
    np.testing.assert_allclose(outputs, hidden @ head.out.weight, atol=1e-5)
    assert len(head.hidden) == 2


def test_the_published_embedding_has_4608_numbers():
    tokens = jax.ShapeDtypeStruct((3, 36, 128), jnp.float32)
    _, embedding = eqx.filter_eval_shape(lambda tokens, key: TokenHead(36, 128, 1, key=key)(tokens), tokens, KEY)
    assert embedding.shape == (3, 4608)


def test_a_token_head_without_hidden_layers_is_linear():
    head = TokenHead(5, 4, 3, per_token=6, hidden=(), key=KEY)
    one, other = (jnp.asarray(drawn(2, 5, 4, seed=seed)) for seed in (0, 1))
    np.testing.assert_allclose(head(one + other)[0], head(one)[0] + head(other)[0], atol=1e-5)


def test_a_latent_head_gives_two_different_vectors():
    head = LatentHead(5, 4, 3, per_token=6, key=KEY)
    tokens = jnp.asarray(drawn(7, 5, 4))
    mean, log_variance = head(tokens)
    assert mean.shape == log_variance.shape == (7, 3)
    hidden = np.maximum(head.hidden(head.per_token(tokens).reshape(7, -1)), 0)
    np.testing.assert_allclose(mean, hidden @ head.mean.weight, atol=1e-5)
    np.testing.assert_allclose(log_variance, hidden @ head.log_variance.weight, atol=1e-5)
    assert not np.allclose(mean, log_variance)


def test_a_token_input_is_one_dense_layer():
    enter = TokenInput(3, 5, 4, key=KEY)
    x = drawn(2, 3)
    tokens = enter(jnp.asarray(x))
    assert tokens.shape == (2, 5, 4)
    np.testing.assert_allclose(tokens, (x @ np.asarray(enter.dense.weight)).reshape(2, 5, 4), atol=1e-5)


def test_the_noise_generator_hears_the_noise_and_the_condition():
    network = NoiseGenerator(4, 3, 16, hidden=8, key=KEY)
    noise, features = jnp.asarray(drawn(6, 4)), jnp.asarray(drawn(6, 3, seed=1))
    latent = network(noise, features)
    assert latent.shape == (6, 16)
    assert (np.asarray(latent) >= 0).all()
    assert (np.asarray(latent) > 0).any()
    assert not np.allclose(latent, network(noise + 1, features))
    assert not np.allclose(latent, network(noise, features + 1))


def test_the_slope_of_the_noise_generator():
    network = NoiseGenerator(1, 1, 1, hidden=1, key=KEY)
    ones = jax.tree.map(lambda leaf: (jnp.ones_like if leaf.ndim == 2 else jnp.zeros_like)(leaf), network)
    # Two units see the noise, one the condition; four units in either hidden layer.
    first = 2 * 0.2 * -10.0 + 100.0
    np.testing.assert_allclose(ones(jnp.full((1, 1), -10.0), jnp.full((1, 1), 100.0)), [[4 * 4 * first]], rtol=1e-6)
    assert not np.asarray(ones(jnp.full((1, 1), -10.0), jnp.zeros((1, 1)))).any()
