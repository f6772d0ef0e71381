"""The factor on the photons: found where it is known, applied where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Array, Float

from zoo.data.condition import Condition
from zoo.data.events import Events
from zoo.data.readout import Readout
from zoo.data.target import ChannelsConfig, ResponseConfig, Target
from zoo.detectors.detector import Detector
from zoo.detectors.zdc import checkerboard_readout
from zoo.detectors.zn import ZNConfig
from zoo.errors import ComponentError
from zoo.schemes.model import Model
from zoo.schemes.post_processing.channel_scale import ChannelScaleConfig
from zoo.schemes.scheme import EventScheme, FittedScheme, Fitting, Setting
from zoo.typing import Key

KEY = jax.random.key(0)
SHAPE = (6, 4)
SMALL = replace(ZNConfig().build(), shape=SHAPE, readout=checkerboard_readout(*SHAPE))
BARE = replace(SMALL, readout=np.zeros((0, *SHAPE), bool))
"""A detector without readout channels."""

COUNTS = np.random.default_rng(1).poisson(20.0, (90, *SHAPE)).astype(np.uint16)
TRAIN = Events(COUNTS, np.zeros((len(COUNTS), 9)), "synthetic")
CONDITION = Condition(jnp.zeros((3, 9)), jnp.zeros((3, 9)))


class Constant(FittedScheme):
    """Generates two photons in every pixel."""

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        del key
        return jnp.full((len(condition.features), *SHAPE), 2.0)


class Examined(EventScheme):
    """Generates nothing."""

    def players(self) -> dict[str, tuple[str, ...]]:
        return {}

    def loss(self, player: str, batch: Any, key: Key) -> Any:
        raise AssertionError

    def errors(self, batch: Any) -> Any:
        raise AssertionError


def unchanged(particles: Any) -> Any:
    return particles


features: Any = unchanged


def target(detector: Detector = SMALL, *, channels: bool = False) -> Target:
    config = ChannelsConfig if channels else ResponseConfig
    return config.model_validate({}).build(detector, {})


def setting(scheme: Any = None, generated: Target | None = None, detector: Detector = SMALL, **changes: Any) -> Setting:
    model = Model(features, None, generated or target(), scheme or Constant())
    whole = Setting(
        shape=SHAPE, features=9, maps=0, target=target(), readout=Readout(detector), earlier={"first": model}
    )
    return replace(whole, **changes)


def factor(generated: np.ndarray, detector: Detector = SMALL, **keys: float) -> float:
    """What is fitted where an earlier stage generates these responses, in uneven chunks."""
    asked: list[str] = []

    def generate(stage: str) -> Iterator[tuple[slice, np.ndarray]]:
        asked.append(stage)
        for start in range(0, len(generated), 40):
            yield slice(start, start + 40), generated[start : start + 40].astype(np.float32)

    config = ChannelScaleConfig(follows="first", **keys)
    constants = config.fit(Fitting(setting(detector=detector), TRAIN, generate, TRAIN, features, iter))
    assert asked == ["first"]
    assert set(constants) == {"factor"}
    return float(constants["factor"])


@given(known=st.floats(0.91, 1.09))
def test_a_known_factor_is_found(known: float):
    """Whatever the order of the events: only distributions are compared."""
    order = np.random.default_rng(0).permutation(len(COUNTS))
    assert factor(COUNTS[order] / known) == pytest.approx(known, abs=1e-4)


def test_the_factor_stays_within_its_bounds():
    assert factor(COUNTS / 2.0) == pytest.approx(1.1, abs=1e-4)
    assert factor(COUNTS * 2.0) == pytest.approx(0.9, abs=1e-4)
    assert factor(COUNTS / 2.0, least=0.5, most=3.0) == pytest.approx(2.0, abs=1e-3)


def test_the_factor_minimises_the_mean_distance_of_the_channels():
    """Against a search over a fine grid, where no factor fits exactly."""
    generated = np.random.default_rng(2).poisson(20.5, COUNTS.shape) ** 1.01
    masks = SMALL.readout.reshape(5, -1).T
    true, made = (np.sort(photons.reshape(len(COUNTS), -1) @ masks, axis=0) for photons in (COUNTS, generated))
    grid = np.linspace(0.9, 1.1, 4001)
    distances = [np.abs(true - value * made).mean() for value in grid]
    assert factor(generated) == pytest.approx(grid[int(np.argmin(distances))], abs=2e-4)


def test_without_channels_the_photon_sums_are_compared():
    assert factor(COUNTS / 1.04, BARE) == pytest.approx(1.04, abs=1e-4)


@pytest.mark.parametrize(("apply_in", "expected"), [("counts", 1.05 * 2.0), ("log", 3.0**1.05 - 1.0)])
def test_the_factor_multiplies_photons_or_as_published_their_logarithm(apply_in: Any, expected: float):
    config = ChannelScaleConfig(follows="first", apply_in=apply_in)
    scheme = config.build(setting(constants={"factor": np.array(1.05)}), key=KEY)
    np.testing.assert_allclose(scheme.sample(CONDITION, KEY), expected, rtol=1e-5)
    neutral = config.build(setting(constants=config.unfitted(setting())), key=KEY)
    np.testing.assert_allclose(neutral.sample(CONDITION, KEY), 2.0, rtol=1e-6)


def test_there_is_nothing_to_train():
    config = ChannelScaleConfig(follows="first")
    scheme = config.build(setting(constants=config.unfitted(setting())), key=KEY)
    assert not config.trained
    assert scheme.players() == {}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (setting(generated=target(channels=True)), "follows a stage that generates responses; stage 'first' does not"),
        (setting(scheme=Examined()), "follows a stage that generates responses; stage 'first' does not"),
        (setting(shape=(5,)), "generates responses: model.target must be 'response'"),
    ],
    ids=["channel sums", "a regressor", "other target"],
)
def test_a_stage_that_cannot_be_followed_is_refused_before_anything_is_generated(wrong: Setting, says: str):
    def generate(stage: str) -> Any:
        raise AssertionError(f"generated with {stage}")

    config = ChannelScaleConfig(follows="first")
    for attempt in (
        lambda: config.fit(Fitting(wrong, TRAIN, generate, TRAIN, features, iter)),
        lambda: config.build(replace(wrong, constants={"factor": np.ones(())}), key=KEY),
    ):
        with pytest.raises(ComponentError) as refused:
            attempt()
        assert says in str(refused.value)


def test_bounds_that_hold_no_factor_are_refused():
    config = ChannelScaleConfig(follows="first", least=1.2, most=1.1)
    with pytest.raises(ComponentError, match=r"least = 1\.2 must be below most = 1\.1$"):
        config.build(setting(constants={"factor": np.ones(())}), key=KEY)
