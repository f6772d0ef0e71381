"""Codebooks: quantisation against a plain re-computation, running averages, perplexity, look-ups."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.architectures.codebooks.codebook import Codebook, CodebookConfig, perplexity
from zoo.architectures.codebooks.ema import EMACodebook, EMACodebookConfig
from zoo.architectures.codebooks.gradient import GradientCodebookConfig
from zoo.layers.lookup import lookup

KEY = jax.random.key(0)
SIZE, DIM = 7, 5
KINDS = {"gradient": GradientCodebookConfig, "ema": EMACodebookConfig}
VARIANTS = [
    (kind, {"size": SIZE, "normalise": normalise, "projection": projection})
    for kind in KINDS
    for normalise in (True, False)
    for projection in (0, 3)
]
each_variant = pytest.mark.parametrize(("kind", "table"), VARIANTS)


def book(kind: str = "ema", **table: Any) -> Any:
    config: CodebookConfig = KINDS[kind].model_validate({"size": SIZE} | table)
    return config.build(dim=DIM, key=KEY)


def vectors(seed: int = 0, rows: tuple[int, ...] = (4, 6)) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(*rows, DIM)).astype("f4")


def scaled(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).sum(axis=-1, keepdims=True) + 1e-12)


def plain_codes(own: Codebook, x: np.ndarray) -> np.ndarray:
    """Components 6.1, word by word, in float64."""
    x, entries = x.astype(np.float64), np.asarray(own.entries, np.float64)
    if own.projection is not None:
        x, entries = x @ np.asarray(own.projection, np.float64), entries @ np.asarray(own.projection, np.float64)
    if own.normalise:
        x, entries = scaled(x), scaled(entries)
    return ((x[..., None, :] - entries) ** 2).sum(axis=-1).argmin(axis=-1)


@each_variant
def test_the_nearest_entry_stands_for_a_vector(kind: str, table: dict[str, Any]):
    own, x = book(kind, **table), vectors()
    found = own.quantise(jnp.asarray(x))
    expected = plain_codes(own, x)
    assert len(np.unique(expected)) > 2
    np.testing.assert_array_equal(found.ids, expected)
    entries = np.asarray(own.entries)
    if table["normalise"]:
        x, entries = scaled(x), scaled(entries)
    np.testing.assert_allclose(found.entered, x, atol=1e-6)
    np.testing.assert_allclose(found.vectors, entries[expected], atol=1e-6)
    np.testing.assert_array_equal(own.lookup(found.ids), found.vectors)


@each_variant
def test_only_the_chosen_entries_of_a_gradient_codebook_get_a_gradient(kind: str, table: dict[str, Any]):
    own, x = book(kind, **table), jnp.asarray(vectors(rows=(2,)))
    gradient = eqx.filter_grad(lambda own: jnp.sum(jnp.square(own.quantise(x).vectors - x)))(own)
    if own.projection is not None:
        assert not np.asarray(gradient.projection).any()
    if kind == "gradient":
        chosen = np.asarray(gradient.weight).any(axis=1)
        assert set(np.flatnonzero(chosen)) == set(np.asarray(own.codes(x)))
    pulled = jax.grad(lambda x: jnp.sum(own.quantise(x).vectors))(x)
    assert not np.asarray(pulled).any(), "what chooses an entry has no derivative"


def test_of_equally_near_entries_the_first_is_taken():
    own = book("gradient", normalise=False)
    own = eqx.tree_at(lambda own: own.weight, own, jnp.ones((SIZE, DIM)))
    assert not np.asarray(own.codes(jnp.asarray(vectors()))).any()


def test_a_gradient_codebook_does_not_move_by_itself():
    own, x = book("gradient"), jnp.asarray(vectors())
    assert own.moved(x, own.codes(x)) is own


@pytest.mark.parametrize("table", [table for kind, table in VARIANTS if kind == "ema"])
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_running_averages_as_published(table: dict[str, Any], start: float):
    own, x = book("ema", start_count=start, **table), vectors()
    ids = np.asarray(own.codes(jnp.asarray(x)))
    moved = own.moved(jnp.asarray(x), jnp.asarray(ids))
    chosen = np.eye(SIZE)[ids.ravel()]
    counts = 0.99 * np.full(SIZE, start) + 0.01 * chosen.sum(axis=0)
    total = counts.sum()
    counts = (counts + 1e-5) / (total + SIZE * 1e-5) * total
    sums = 0.99 * np.asarray(own.entries, np.float64) + 0.01 * chosen.T @ x.reshape(-1, DIM)
    np.testing.assert_allclose(moved.counts.value, counts, rtol=1e-4)
    np.testing.assert_allclose(moved.sums.value, sums, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(moved.entries, sums / counts[:, None], rtol=1e-3, atol=1e-5)
    assert moved.projection is own.projection


@given(st.integers(0, 2**16), st.sampled_from([0.0, 1.0, 3.0]), st.integers(1, 4))
def test_the_counts_add_up_to_all_vectors_that_came(seed: int, start: float, steps: int):
    own: EMACodebook = book("ema", start_count=start)
    expected = SIZE * start
    for step in range(steps):
        x = jnp.asarray(vectors(seed + step, rows=(9,)))
        own = own.moved(x, own.codes(x))
        expected = 0.99 * expected + 0.01 * 9
    counts = np.asarray(own.counts.value)
    assert (counts > 0).all()
    assert counts.sum() == pytest.approx(expected, rel=1e-4)


def test_an_entry_that_nothing_chooses_keeps_its_place_with_the_clean_start_alone():
    clean, published = book("ema"), book("ema", start_count=0.0)
    x, ids = jnp.asarray(vectors(rows=(9,))), jnp.zeros(9, jnp.int32)
    before = np.linalg.norm(clean.entries, axis=1)
    after = np.linalg.norm(published.moved(x, ids).entries, axis=1)
    assert (after[1:] > 1e4 * before[1:]).all()
    for _ in range(300):
        clean = clean.moved(x, ids)
    now = np.linalg.norm(clean.entries, axis=1)
    assert np.isfinite(now).all()
    assert (now[1:] <= before[1:] * (1 + 1e-3)).all()


def test_averages_settle_at_the_mean_of_the_vectors_that_choose_an_entry():
    own, x = book("ema", decay=0.5, normalise=False), jnp.asarray(vectors(rows=(9,)))
    ids = jnp.arange(9) % 2
    for _ in range(60):
        own = own.moved(x, ids)
    for entry in (0, 1):
        np.testing.assert_allclose(own.entries[entry], np.asarray(x)[entry::2].mean(axis=0), atol=1e-3)


@given(st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=40))
def test_perplexity_counts_the_entries_in_use(ids: list[int]):
    found = float(perplexity(jnp.asarray(ids), SIZE))
    shares = np.bincount(ids, minlength=SIZE) / len(ids)
    used = shares[shares > 0]
    assert found == pytest.approx(float(np.exp(-(used * np.log(used)).sum())), rel=1e-4)
    assert 1 - 1e-4 <= found <= len(used) * (1 + 1e-4)


def test_perplexity_of_one_and_of_all_entries():
    assert float(perplexity(jnp.zeros((3, 4), jnp.int32), SIZE)) == pytest.approx(1.0, rel=1e-5)
    assert float(perplexity(jnp.arange(SIZE), SIZE)) == pytest.approx(SIZE, rel=1e-5)


def test_a_lookup_and_its_derivative():
    table, ids = jnp.asarray(vectors(rows=(6,))), jnp.array([[0, 5], [5, 2]])
    weights = jnp.asarray(vectors(1, rows=(2, 2)))
    np.testing.assert_array_equal(lookup(table, ids), np.asarray(table)[np.asarray(ids)])
    own = jax.grad(lambda table: jnp.sum(weights * lookup(table, ids)))(table)
    plain = jax.grad(lambda table: jnp.sum(weights * table[ids]))(table)
    np.testing.assert_allclose(own, plain, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_initial_entries_have_length_one_on_average(kind: str):
    own = KINDS[kind](size=512).build(dim=64, key=KEY)
    assert float(jnp.mean(jnp.sum(jnp.square(own.entries), axis=1))) == pytest.approx(1.0, rel=0.05)
