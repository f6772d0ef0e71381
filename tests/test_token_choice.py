"""Which tokens may be drawn, against NumPy definitions of top k and top p."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.errors import ComponentError
from zoo.schemes.vector_quantised.token_choice import TokenChoiceConfig
from zoo.schemes.vector_quantised.token_prior import TokenPriorConfig

CODES = 9
NETWORK = {"name": "token_transformer", "width": 8, "heads": 1, "blocks": 1}


def choice(**table: Any) -> TokenChoiceConfig:
    fixed = {"responses": "one", "particles": "other", "network": NETWORK}
    return TokenPriorConfig.model_validate(fixed | table)


def logits_of(seed: int, rows: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=2.0, size=(rows, CODES)).astype("f4")


def allowed(config: TokenChoiceConfig, logits: np.ndarray) -> np.ndarray:
    return np.isfinite(np.asarray(config.kept(jnp.asarray(logits))))


@given(st.integers(0, 2**16), st.integers(1, CODES))
def test_top_k_keeps_the_k_likeliest(seed: int, k: int):
    logits = logits_of(seed)
    expected = np.zeros(logits.shape, bool)
    np.put_along_axis(expected, np.argsort(-logits, axis=1)[:, :k], True, axis=1)
    np.testing.assert_array_equal(allowed(choice(top_k=k), logits), expected)


@given(st.integers(0, 2**16), st.floats(0.01, 0.99))
def test_top_p_keeps_what_rises_above_the_tail(seed: int, p: float):
    """Schemes 5: those whose cumulative probability, in ascending order, exceeds 1 - p."""
    logits = logits_of(seed).astype(np.float64)
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    order = np.argsort(probability, axis=1)
    rising = np.cumsum(np.take_along_axis(probability, order, axis=1), axis=1)
    if np.abs(rising - (1 - p)).min() < 1e-5:
        return
    expected = np.zeros(logits.shape, bool)
    np.put_along_axis(expected, order, rising > 1 - p, axis=1)
    np.testing.assert_array_equal(allowed(choice(top_p=p), logits), expected)
    np.testing.assert_array_equal(allowed(choice(top_p=1 - p, nucleus="removed"), logits), expected)
    mass = np.where(expected, probability, 0).sum(axis=1)
    least = np.where(expected, probability, np.inf).min(axis=1)
    assert (mass >= p - 1e-6).all()
    assert (mass - least < p + 1e-6).all(), "no more are kept than are needed"


def test_a_tiny_nucleus_is_the_likeliest_token():
    logits = logits_of(0)
    found = allowed(choice(top_p=1e-6), logits)
    np.testing.assert_array_equal(found.sum(axis=1), 1)
    np.testing.assert_array_equal(found.argmax(axis=1), logits.argmax(axis=1))


def test_everything_may_be_drawn_without_a_filter():
    assert allowed(choice(), logits_of(0)).all()


@pytest.mark.parametrize("table", [{}, {"temperature": 0.5}, {"top_k": 3, "temperature": 2.0}, {"top_p": 0.7}])
def test_tokens_are_drawn_from_what_is_kept_at_the_temperature(table: dict[str, Any]):
    config, logits = choice(**table), logits_of(1, rows=1)
    rows = jnp.tile(logits, (20_000, 1))
    drawn = np.bincount(config.choose(rows, jax.random.key(0)), minlength=CODES) / len(rows)
    weights = np.where(allowed(config, logits), np.exp(logits / table.get("temperature", 1.0)), 0.0)[0]
    np.testing.assert_allclose(drawn, weights / weights.sum(), atol=0.015)
    assert not drawn[weights == 0].any()


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"top_k": CODES + 1}, "top_k = 10 is larger than the codebook with its 9 entries"),
        ({"top_k": 2, "top_p": 0.5}, "set top_k or top_p, not both"),
    ],
)
def test_what_cannot_be_drawn_is_refused(table: dict[str, Any], complaint: str):
    choice(top_k=CODES).check_choice(CODES)
    with pytest.raises(ComponentError, match=complaint):
        choice(**table).check_choice(CODES)
