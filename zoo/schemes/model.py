"""One stage's model: everything between particles in physical units and generated photons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, NoReturn, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped
from pydantic import Field

from zoo.catalogue import Config, OneOf
from zoo.data.condition import Condition
from zoo.data.constants import Constants, prefixed, within
from zoo.data.events import Events
from zoo.data.features.features import Features, FeaturesConfig
from zoo.data.maps.maps import Maps, MapsConfig
from zoo.data.readout import Readout
from zoo.data.target import Target, TargetConfig
from zoo.detectors.detector import Detector
from zoo.errors import ComponentError
from zoo.layers.buffer import Buffer
from zoo.optim.precision import cast
from zoo.schemes.scheme import Batch, Fitting, Generate, Scheme, SchemeConfig, Setting, Watch, network_at
from zoo.typing import Key

T = TypeVar("T")


class Model(eqx.Module):
    """Features, maps, target and scheme of one stage."""

    features: Features
    maps: Maps | None
    target: Target
    scheme: Scheme

    def condition(self, particles: Float[Array, "B P"]) -> Condition:
        """What the scheme is conditioned on, from raw particle columns (float32)."""
        maps = None if self.maps is None else self.maps(particles)
        return Condition(particles, self.features(particles), maps)

    def batch(
        self,
        counts: Shaped[Array, "B H W"],
        particles: Float[Array, "B P"],
        key: Key,
        progress: Float[Array, ""] | float = 0.0,
    ) -> Batch:
        """A training batch from raw events; counts may be of any integer dtype."""
        counts = counts.astype(jnp.float32)
        physical = self.target.physical(counts)
        return Batch(self.target.forward(physical, key), physical, counts, self.condition(particles), progress)

    def sample(self, particles: Float[Array, "B P"], key: Key) -> Float[Array, "B *shape"]:
        """Generated targets in photons, one per particle."""
        return self.scheme.sample(self.condition(particles), key)


def _no_earlier_stage(stage: str) -> Iterator[NoReturn]:
    raise ComponentError(f"there is no earlier stage {stage!r} to generate with")


def _unwatched(parts: Sequence[T]) -> Iterator[T]:
    return iter(parts)


class ModelConfig(Config):
    """The `[model]` table: what is generated, from what, and by which scheme."""

    condition: Annotated[FeaturesConfig, OneOf("features"), Field(default="published")]
    """The vector that particles are turned into."""
    maps: Annotated[MapsConfig, OneOf("maps")] | None = None
    """Extra input channels for image networks."""
    target: Annotated[TargetConfig, OneOf("target"), Field(default="response")]
    """What the stage generates, and its transforms."""
    scheme: Annotated[SchemeConfig, OneOf("scheme")]
    """The generative framework with its networks."""

    def fit(
        self,
        detector: Detector,
        train: Events,
        earlier: Mapping[str, Model] | None = None,
        generate: Generate = _no_earlier_stage,
        validation: Events | None = None,
        watch: Watch = _unwatched,
    ) -> Constants:
        """All constants of the stage, fitted on the training split.

        Args:
            detector: the calorimeter.
            train: the training events.
            earlier: the trained models of earlier stages.
            generate: what they generate for the training particles.
            validation: events for choosing between several fits; the training events where absent.
            watch: is told of the progress of a long fit.

        Raises:
            ComponentError: the parts do not fit together.
            DataError: the events cannot be fitted on.
        """
        constants = prefixed(self.condition.fit(detector, train.particles), "condition")
        constants |= prefixed(self.target.fit(detector, train.counts), "target")
        fitting = Fitting(
            setting=self._setting(detector, constants, earlier or {}),
            train=train,
            generate=generate,
            validation=train if validation is None else validation,
            features=self.condition.build(detector, within(constants, "condition")),
            watch=watch,
        )
        return constants | prefixed(self.scheme.fit(fitting), "scheme")

    def unfitted(self, detector: Detector, earlier: Mapping[str, Model] | None = None) -> Constants:
        """Neutral constants, for building a stage without data."""
        constants = prefixed(self.condition.unfitted(detector), "condition")
        constants |= prefixed(self.target.unfitted(detector), "target")
        scheme = self.scheme.unfitted(self._setting(detector, constants, earlier or {}))
        return constants | prefixed(scheme, "scheme")

    def build(self, detector: Detector, constants: Constants, earlier: Mapping[str, Model], *, key: Key) -> Model:
        """The stage's model with freshly initialised networks.

        Raises:
            ComponentError: the parts do not fit together.
        """
        setting = self._setting(detector, constants, earlier)
        return Model(
            features=self.condition.build(detector, within(constants, "condition")),
            maps=None if self.maps is None else self.maps.build(detector),
            target=setting.target,
            scheme=self.scheme.build(setting, key=key),
        )

    def _setting(self, detector: Detector, constants: Constants, earlier: Mapping[str, Model]) -> Setting:
        return Setting(
            shape=self.target.shape(detector),
            features=self.condition.size(detector),
            maps=0 if self.maps is None else self.maps.channels(),
            target=self.target.build(detector, within(constants, "target")),
            readout=Readout(detector),
            earlier=earlier,
            constants=within(constants, "scheme"),
        )


def computing(model: Model, dtype: jnp.dtype) -> Model:
    """The model with its own networks in the compute dtype; earlier stages inside it stay float32.

    A model without what only training needs is left without it.
    """
    networks = {path: network_at(model.scheme, path) for path in network_paths(model.scheme)}
    there = {path: cast(network, dtype) for path, network in networks.items() if network is not None}
    return eqx.tree_at(lambda tree: tree.scheme, model, model.scheme.with_networks(there))


def network_paths(scheme: Scheme) -> tuple[str, ...]:
    """The dotted fields of all trained networks."""
    return tuple(path for owned in scheme.players().values() for path in owned)


def parameter_counts(scheme: Scheme) -> dict[str, int]:
    """Trainable parameters of every network, concrete or abstract, by dotted field name."""
    return {path: _size(network_at(scheme, path)) for path in network_paths(scheme)}


def _size(network: eqx.Module) -> int:
    leaves = jax.tree.leaves(network, is_leaf=lambda node: isinstance(node, Buffer))
    arrays = (leaf for leaf in leaves if isinstance(leaf, jax.Array | jax.ShapeDtypeStruct))
    return sum(leaf.size for leaf in arrays if jnp.issubdtype(leaf.dtype, jnp.inexact))
