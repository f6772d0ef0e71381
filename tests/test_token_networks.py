"""Causal transformers over tokens: nothing is seen of what follows, and drawing with a cache changes nothing."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.architectures.token_network import Vocabulary
from zoo.architectures.token_transformer import ThesisTransformerConfig, TokenGPTConfig, TokenTransformer
from zoo.errors import ComponentError
from zoo.layers.causal_attention import CausalAttention
from zoo.optim.precision import cast

KEY = jax.random.key(0)
WORDS = Vocabulary(given=2, given_codes=5, tokens=4, codes=7)
BATCH = 3
NETWORKS = {
    "token_transformer": ThesisTransformerConfig(width=8, heads=2, blocks=2),
    "token_gpt": TokenGPTConfig(width=8, heads=2, blocks=2),
}
each_network = pytest.mark.parametrize("name", NETWORKS)

predicted = eqx.filter_jit(lambda network, given, ids, key: network(given, ids, key=key))
stepped = eqx.filter_jit(lambda network, ids, place, caches: network.step(ids, place, caches))
drawn = eqx.filter_jit(lambda network, given, choose, key: network.draw(given, choose, key))


@pytest.fixture(scope="module")
def networks() -> dict[str, TokenTransformer]:
    return {name: config.build(WORDS, key=KEY) for name, config in NETWORKS.items()}


def tokens(seed: int = 0) -> tuple[Any, Any]:
    draw = np.random.default_rng(seed)
    given = draw.integers(0, WORDS.given_codes, (BATCH, WORDS.given))
    return jnp.asarray(given), jnp.asarray(draw.integers(0, WORDS.codes, (BATCH, WORDS.tokens)))


@each_network
def test_a_token_is_predicted_from_those_before_it_alone(name: str, networks: dict[str, TokenTransformer]):
    given, ids = tokens()
    first, logits = predicted(networks[name], given, ids, None)
    assert (first.shape, logits.shape) == ((BATCH, 1, 5), (BATCH, 4, 7))
    assert first.dtype == logits.dtype == jnp.float32
    for place in range(WORDS.tokens):
        changed = ids.at[:, place].set((ids[:, place] + 1) % WORDS.codes)
        _, other = predicted(networks[name], given, changed, None)
        np.testing.assert_allclose(other[:, : place + 1], logits[:, : place + 1], atol=1e-5)
        if place + 1 < WORDS.tokens:
            assert np.abs(np.asarray(other - logits)[:, place + 1 :]).max(axis=(0, 2)).min() > 1e-4
    turned, others = predicted(networks[name], given[:, ::-1], ids, None)
    assert np.abs(np.asarray(others - logits)).max() > 1e-4, "the order of the given tokens matters"
    assert np.abs(np.asarray(turned - first)).max() > 1e-4


@each_network
def test_token_by_token_with_a_cache_the_logits_are_the_same(name: str, networks: dict[str, TokenTransformer]):
    network, (given, ids) = networks[name], tokens()
    _, logits = predicted(network, given, ids, None)
    caches, found = network.caches(BATCH), []
    for place, token in enumerate(jnp.concatenate([given, ids[:, :-1]], axis=1).T):
        own, caches = stepped(network, token, jnp.asarray(place), caches)
        found.append(own)
    np.testing.assert_allclose(jnp.stack(found[1:], axis=1), logits, atol=1e-5)


@each_network
def test_the_likeliest_tokens_drawn_are_the_likeliest_predicted(name: str, networks: dict[str, TokenTransformer]):
    given, _ = tokens()
    ids = drawn(networks[name], given, lambda logits, key: jnp.argmax(logits, axis=-1), KEY)
    assert ids.shape == (BATCH, WORDS.tokens)
    _, logits = predicted(networks[name], given, ids, None)
    np.testing.assert_array_equal(ids, jnp.argmax(logits, axis=-1))


def test_tokens_drawn_at_random_follow_the_predicted_probabilities(networks: dict[str, TokenTransformer]):
    network = networks["token_transformer"]
    given = jnp.tile(tokens()[0][:1], (4000, 1))
    ids = drawn(network, given, lambda logits, key: jax.random.categorical(key, logits), KEY)
    first = np.bincount(ids[:, 0], minlength=WORDS.codes) / len(ids)
    _, logits = predicted(network, given[:1], ids[:1], None)
    np.testing.assert_allclose(first, jax.nn.softmax(logits[0, 0]), atol=0.03)
    kept = np.asarray(ids)[np.asarray(ids)[:, 0] == first.argmax()]
    assert len(kept) >= 4000 / WORDS.codes
    _, logits = predicted(network, given[:1], jnp.asarray(kept[:1]), None)
    second = np.bincount(kept[:, 1], minlength=WORDS.codes) / len(kept)
    np.testing.assert_allclose(second, jax.nn.softmax(logits[0, 1]), atol=0.07)


def test_dropout_only_with_a_key(networks: dict[str, TokenTransformer]):
    given, ids = tokens()
    one, other, still = (predicted(networks["token_gpt"], given, ids, key)[1] for key in (KEY, jax.random.key(1), None))
    assert not np.allclose(one, other)
    assert not np.allclose(one, still)


@each_network
def test_in_bfloat16_logits_stay_close_and_float32(name: str, networks: dict[str, TokenTransformer]):
    given, ids = tokens()
    _, full = predicted(networks[name], given, ids, None)
    _, half = predicted(cast(networks[name], jnp.bfloat16), given, ids, None)
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, full, atol=0.15)


def test_the_gpt_has_no_bias_and_reads_with_its_embeddings(networks: dict[str, TokenTransformer]):
    network = networks["token_gpt"]
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(network)]
    assert paths
    assert not [path for path in paths if "bias" in path or "head" in path]


@pytest.mark.parametrize(
    ("config", "words", "count"),
    [
        (ThesisTransformerConfig(width=72, heads=3, blocks=3), (256, 36), 247_792),
        (ThesisTransformerConfig(width=128, heads=4, blocks=5), (256, 36), 1_094_912),
        (ThesisTransformerConfig(), (256, 36), 4_155_648),
        (ThesisTransformerConfig(width=384, heads=6, blocks=6), (256, 36), 10_956_928),
        (ThesisTransformerConfig(width=640, heads=10, blocks=10), (256, 36), 49_751_936),
        (TokenGPTConfig(), (512, 121), 934_912),
    ],
)
def test_published_sizes(config: Any, words: tuple[int, int], count: int):
    codes, length = words
    vocabulary = Vocabulary(given=2, given_codes=codes, tokens=length, codes=codes)
    network = eqx.filter_eval_shape(lambda key: config.build(vocabulary, key=key), KEY)
    assert sum(leaf.size for leaf in jax.tree.leaves(network)) == count


def test_heads_must_divide_the_width():
    with pytest.raises(ComponentError, match="heads = 3 must divide width = 8"):
        ThesisTransformerConfig(width=8, heads=3).build(WORDS, key=KEY)


def test_causal_attention_against_a_plain_formulation():
    attention = CausalAttention(6, 2, key=KEY)
    x = np.random.default_rng(0).normal(size=(2, 4, 6)).astype("f4")
    qkv = (x @ np.asarray(attention.qkv.weight)).reshape(2, 4, 3, 2, 3)
    query, key, value = np.moveaxis(qkv, 2, 0)
    mixed = np.zeros((2, 4, 2, 3))
    for place in range(4):
        logits = np.einsum("bhd,bkhd->bhk", query[:, place], key[:, : place + 1]) / np.sqrt(3)
        weights = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        mixed[:, place] = np.einsum("bhk,bkhd->bhd", weights, value[:, : place + 1])
    expected = mixed.reshape(2, 4, 6) @ np.asarray(attention.out.weight)
    np.testing.assert_allclose(attention(jnp.asarray(x)), expected, atol=1e-5)
