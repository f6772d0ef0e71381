"""Gradient penalties against a plain formulation and finite differences."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.architectures.vit import ViTConfig
from zoo.data.condition import Condition
from zoo.schemes.gan.gradient_penalty import GradientPenaltyConfig
from zoo.schemes.gan.networks import Reader
from zoo.schemes.gan.regulariser import Judge, RegulariserConfig, Rivals, slopes
from zoo.schemes.gan.zero_centred import ZeroCentredConfig
from zoo.schemes.scheme import Batch

KEY = jax.random.key(3)
BATCH, SHAPE = 5, (4, 6)
DRAW = np.random.default_rng(0)
WEIGHTS = DRAW.normal(0.0, 0.3, SHAPE)


def events(seed: int, progress: float = 0.0) -> Batch:
    draw = np.random.default_rng(seed)
    x = jnp.asarray(draw.uniform(0.0, 2.0, (BATCH, *SHAPE)), jnp.float32)
    features = jnp.asarray(draw.normal(0.0, 1.0, (BATCH, 2)), jnp.float32)
    return Batch(x, x, x, Condition(features, features), progress)


RIVALS = Rivals(real=events(1), fake=events(2).x, matched=events(3))


def judge(x: Any, condition: Condition) -> Any:
    """A curved function of image and condition, known in closed form."""
    inner = jnp.einsum("bhw,hw->b", x, jnp.asarray(WEIGHTS, jnp.float32)) * condition.features[:, 0]
    return jnp.tanh(inner) + 0.1 * jnp.sum(jnp.square(x), axis=(1, 2))


def logit(image: np.ndarray, features: np.ndarray) -> float:
    """The same for one image in float64."""
    return float(np.tanh((image * WEIGHTS).sum() * features[0]) + 0.1 * np.square(image).sum())


def squared_slope(image: np.ndarray, features: np.ndarray) -> float:
    """By central differences, pixel by pixel."""
    total = 0.0
    for pixel in np.ndindex(image.shape):
        up, down = image.copy(), image.copy()
        up[pixel] += 1e-5
        down[pixel] -= 1e-5
        total += ((logit(up, features) - logit(down, features)) / 2e-5) ** 2
    return total


def arrays(x: Any, condition: Condition) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(zip(np.asarray(x, np.float64), np.asarray(condition.features, np.float64), strict=True))


@pytest.mark.parametrize("condition", ["matched", "as_published"])
def test_the_zero_centred_penalty_against_finite_differences(condition: Any):
    given = RIVALS.matched if condition == "matched" else RIVALS.real
    total = 0.0
    for image, features in arrays(RIVALS.real.x, RIVALS.real.condition):
        total += (1 - sigmoid(logit(image, features))) ** 2 * squared_slope(image, features)
    for image, features in arrays(RIVALS.fake, given.condition):
        total += sigmoid(logit(image, features)) ** 2 * squared_slope(image, features)
    found = ZeroCentredConfig(gamma=0.3, condition=condition).penalty(judge, RIVALS, KEY)
    assert float(found) == pytest.approx(0.5 * 0.3 * total / BATCH, rel=1e-4)


@pytest.mark.parametrize("pairing", ["matched", "as_published"])
def test_the_wasserstein_penalty_against_finite_differences(pairing: Any):
    given = RIVALS.matched if pairing == "matched" else RIVALS.real
    share = np.asarray(jax.random.uniform(KEY, (BATCH, 1, 1)), np.float64)
    between = share * np.asarray(given.x, np.float64) + (1 - share) * np.asarray(RIVALS.fake, np.float64)
    norms = [np.sqrt(squared_slope(image, features)) for image, features in arrays(between, given.condition)]
    found = GradientPenaltyConfig(weight=7.0, pairing=pairing).penalty(judge, RIVALS, KEY)
    assert float(found) == pytest.approx(7.0 * np.mean((np.array(norms) - 1) ** 2), rel=1e-4)


def test_the_weight_falls_exponentially_over_the_training():
    def at(progress: float, **keys: float) -> float:
        rivals = Rivals(events(1, progress), RIVALS.fake, RIVALS.matched)
        return float(ZeroCentredConfig(**keys).penalty(judge, rivals, KEY))

    start = at(0.0, gamma=0.4, decay=0.01)
    assert at(0.5, gamma=0.4, decay=0.01) == pytest.approx(0.1 * start, rel=1e-5)
    assert at(1.0, gamma=0.4, decay=0.01) == pytest.approx(0.01 * start, rel=1e-5)
    assert at(1.0, gamma=0.4) == at(0.0, gamma=0.4) == pytest.approx(start, rel=1e-6)


def sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


@pytest.fixture(scope="module")
def reader() -> Reader:
    network = ViTConfig(patch=4, width=8, heads=2, blocks=1, dropout=0.5)
    return Reader(network, SHAPE, 2, 1, token_size=3, hidden=(4,), key=KEY)


def judged_by(reader: Reader) -> Judge:
    return lambda x, condition: reader(x, condition.features, key=None)[0][:, 0]


def test_slopes_of_a_discriminator_are_those_of_its_images_one_by_one(reader: Reader):
    def single(image: Any, features: Any) -> Any:
        return reader(image[None], features[None], key=None)[0][0, 0]

    batch = RIVALS.real
    plain = eqx.filter_jit(jax.vmap(jax.grad(single)))(batch.x, batch.condition.features)
    _, found = eqx.filter_jit(lambda x, condition: slopes(judged_by(reader), x, condition))(batch.x, batch.condition)
    np.testing.assert_allclose(found, np.square(np.asarray(plain, np.float64)).sum(axis=(1, 2)), rtol=1e-4)


REGULARISERS = [ZeroCentredConfig(gamma=10.0), GradientPenaltyConfig()]


@pytest.mark.parametrize("regulariser", REGULARISERS, ids=lambda regulariser: regulariser.component)
def test_a_penalty_can_be_derived_by_the_discriminators_weights(regulariser: RegulariserConfig, reader: Reader):
    """The gradient of a gradient, along a random direction, against a difference."""

    def penalty(reader: Reader) -> Any:
        return regulariser.penalty(judged_by(reader), RIVALS, KEY)

    value = eqx.filter_jit(penalty)
    draw = np.random.default_rng(5)
    direction = jax.tree.map(lambda leaf: jnp.asarray(draw.normal(size=leaf.shape), jnp.float32), reader)
    gradient = eqx.filter_jit(eqx.filter_grad(penalty))(reader)
    pairs = zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
    along = sum(float(jnp.vdot(one, other)) for one, other in pairs)

    def moved(size: float) -> float:
        return float(value(jax.tree.map(lambda leaf, step: leaf + size * step, reader, direction)))

    size = 2e-3
    assert along == pytest.approx((moved(size) - moved(-size)) / (2 * size), rel=0.01)
