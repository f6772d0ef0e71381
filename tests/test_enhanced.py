"""Responses drawn in sight of an earlier stage's: what the inner scheme is built for, and what it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.condition import Condition
from zoo.data.constants import Constants
from zoo.data.readout import Readout
from zoo.detectors.focal_h import FoCalHConfig
from zoo.errors import ComponentError
from zoo.schemes.enhanced import Enhanced, EnhancedConfig
from zoo.schemes.model import Model, ModelConfig
from zoo.schemes.scheme import Batch, Fitting, Outcome, Scheme, SchemeConfig, Setting

KEY = jax.random.key(0)
SHAPE = (8, 6)
FOCAL = FoCalHConfig().build()
SMALL = replace(FOCAL, shape=SHAPE, pitch=(12.0, 16.0), readout=np.ones((1, *SHAPE), dtype=bool))
PARTICLES = np.array([[50.0, 3.6, 0.3], [120.0, 4.4, -2.0], [300.0, 5.2, 1.7]], np.float32)
DARK = jnp.zeros((3, *SHAPE))
RINGS = {"name": "ring_profile", "network": {"name": "perceptron", "hidden": [4]}, "rings": 9}


class EchoConfig(SchemeConfig):
    """A scheme that generates its last condition map, and remembers what it was built for."""

    def unfitted(self, setting: Setting) -> Constants:
        return {"maps": np.asarray(float(setting.maps))}

    def fit(self, fitting: Fitting) -> Constants:
        return {"maps": np.asarray(float(fitting.setting.maps))}

    def build(self, setting: Setting, *, key: Any) -> Echo:
        del key
        return Echo(jnp.zeros(()), setting.maps)


class Echo(Scheme):
    steps: jax.Array
    maps: int

    def players(self) -> Mapping[str, tuple[str, ...]]:
        return {"first": ("steps",), "second": ("maps",)}

    def loss(self, player: str, batch: Batch, key: Any) -> Outcome:
        del key
        assert batch.condition.maps is not None
        value = jnp.sum(batch.condition.maps[..., -1])
        return Outcome(value, {"loss": value}, Echo(self.steps + 1.0, self.maps) if player == "first" else None)

    def sample(self, condition: Condition, key: Any) -> Any:
        del key
        assert condition.maps is not None
        assert condition.maps.shape[-1] == self.maps
        return condition.maps[..., -1]


def setting_of(model: Model, **changes: Any) -> Setting:
    setting = Setting(
        shape=SHAPE, features=3, maps=0, target=model.target, readout=Readout(SMALL), earlier={"approx": model}
    )
    return replace(setting, **changes)


@pytest.fixture(scope="module")
def approximation() -> Model:
    config = ModelConfig.model_validate({"scheme": RINGS})
    return config.build(SMALL, config.unfitted(SMALL), {}, key=KEY)


def config() -> EnhancedConfig:
    return EnhancedConfig.model_construct(follows="approx", enhancer=EchoConfig())


def test_the_inner_scheme_sees_the_earlier_response_in_model_space(approximation: Model):
    scheme = config().build(setting_of(approximation), key=KEY)
    particles = jnp.asarray(PARTICLES)
    batch = Batch(DARK, DARK, DARK, Condition(particles, particles))

    @eqx.filter_jit
    def answers(approximation: Model, scheme: Enhanced, batch: Batch) -> tuple[Any, Any, Any]:
        painted = approximation.sample(batch.condition.particles, KEY)
        return painted, scheme.sample(batch.condition, KEY), scheme.loss("first", batch, KEY).value

    painted, shown, loss = answers(approximation, scheme, batch)
    assert float(painted.sum()) > 0
    np.testing.assert_allclose(shown, np.log1p(painted), rtol=1e-5)
    assert float(loss) == pytest.approx(np.log1p(painted).sum(), rel=1e-5)


def test_it_is_the_last_of_the_maps(approximation: Model):
    maps = jnp.full((3, *SHAPE, 2), -1.0)
    particles = jnp.asarray(PARTICLES)
    scheme = config().build(setting_of(approximation, maps=2), key=KEY)
    assert isinstance(scheme.enhancer, Echo)
    assert scheme.enhancer.maps == 3
    shown = eqx.filter_jit(scheme.sample)(Condition(particles, particles, maps), KEY)
    assert float(jnp.min(shown)) >= 0.0


def test_players_and_moved_state_are_those_of_the_inner_scheme(approximation: Model):
    scheme = config().build(setting_of(approximation), key=KEY)
    assert scheme.players() == {"first": ("enhancer.steps",), "second": ("enhancer.maps",)}
    particles = jnp.asarray(PARTICLES)
    batch = Batch(DARK, DARK, DARK, Condition(particles, particles))
    loss = eqx.filter_jit(lambda scheme, player: scheme.loss(player, batch, KEY))
    moved = loss(scheme, "first").scheme
    assert isinstance(moved, Enhanced)
    assert isinstance(moved.enhancer, Echo)
    assert float(moved.enhancer.steps) == 1.0
    assert loss(scheme, "second").scheme is None


def test_constants_are_those_of_the_inner_scheme_with_its_map(approximation: Model):
    assert config().unfitted(setting_of(approximation)) == {"maps": 1.0}
    nothing: Any = None
    fitting = Fitting(setting_of(approximation), nothing, nothing, nothing, nothing, nothing)
    assert config().fit(fitting) == {"maps": 1.0}


def test_devices_share_a_batch_where_the_inner_scheme_lets_them():
    class Apart(EchoConfig):
        @property
        def separable(self) -> bool:
            return True

    assert not config().separable
    assert EnhancedConfig.model_construct(follows="approx", enhancer=Apart()).separable


def test_what_generates_no_responses_is_refused(approximation: Model):
    with pytest.raises(ComponentError, match=r"^scheme 'enhanced' generates responses: model.target must be"):
        config().build(setting_of(approximation, shape=(1,)), key=KEY)
    sums = ModelConfig.model_validate({"scheme": RINGS, "target": "channels"}).target
    channels = Model(approximation.features, None, sums.build(SMALL, sums.unfitted(SMALL)), approximation.scheme)
    with pytest.raises(ComponentError, match=r"follows a stage that generates responses; stage 'approx' does not$"):
        config().build(setting_of(channels), key=KEY)
