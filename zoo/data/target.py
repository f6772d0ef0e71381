"""What a stage learns to generate: responses, or their readout channels, in model space."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.catalogue import Config, OneOf, register
from zoo.data.constants import Constants, prefixed, within
from zoo.data.readout import Readout
from zoo.data.transforms.transform import Transform, TransformConfig
from zoo.detectors.detector import Detector
from zoo.errors import ComponentError
from zoo.typing import Counts, Key

FIT_EVENTS = 20_000
"""Training events (the first ones of the split) that transforms are fitted on."""


class Target(eqx.Module):
    """A physical quantity of each event and its chain of transforms."""

    transforms: tuple[Transform, ...]

    @property
    def random(self) -> bool:
        """Whether the way to model space adds noise, which is other every time."""
        return any(transform.random for transform in self.transforms)

    @abstractmethod
    def physical(self, counts: Float[Array, "B H W"]) -> Float[Array, "B *shape"]:
        """The quantity in photons."""

    def forward(self, physical: Float[Array, "B *shape"], key: Key) -> Float[Array, "B *shape"]:
        """From photons to model space."""
        for number, transform in enumerate(self.transforms):
            physical = transform.forward(physical, jax.random.fold_in(key, number))
        return physical

    def inverse(self, x: Float[Array, "B *shape"]) -> Float[Array, "B *shape"]:
        """From model space to photons, of which there are never fewer than none."""
        for transform in reversed(self.transforms):
            x = transform.inverse(x)
        return jax.nn.relu(x)


class TargetConfig(Config):
    """Config of a target: `target = "response"`."""

    transforms: Annotated[
        tuple[Annotated[TransformConfig, OneOf("transform")], ...], Strict(False), Field(default=("log1p",))
    ]
    """The way from photons to model space, in order."""

    @abstractmethod
    def shape(self, detector: Detector) -> tuple[int, ...]:
        """The shape of one event's quantity."""

    @abstractmethod
    def assemble(self, detector: Detector, transforms: tuple[Transform, ...]) -> Target:
        """The target with built transforms."""

    def unfitted(self, detector: Detector) -> Constants:
        """Neutral constants of the whole chain."""
        shape = self.shape(detector)
        parts = [prefixed(transform.unfitted(shape), str(n)) for n, transform in enumerate(self.transforms)]
        return {name: value for part in parts for name, value in part.items()}

    def fit(self, detector: Detector, counts: Counts) -> Constants:
        """Constants of the whole chain, each transform fitted on what the ones before it leave."""
        constants: dict[str, np.ndarray] = {}
        target = self.assemble(detector, ())
        values = np.asarray(target.physical(jnp.asarray(counts[:FIT_EVENTS], jnp.float32)))
        for number, config in enumerate(self.transforms):
            fitted = config.fit(values)
            key = jax.random.fold_in(jax.random.key(0), number)
            values = np.asarray(config.build(fitted).forward(jnp.asarray(values), key))
            constants |= prefixed(fitted, str(number))
        return constants

    def build(self, detector: Detector, constants: Constants) -> Target:
        """The target with its constants."""
        transforms = tuple(config.build(within(constants, str(n))) for n, config in enumerate(self.transforms))
        return self.assemble(detector, transforms)


@register("target", "response")
class ResponseConfig(TargetConfig):
    """The whole response, pixel by pixel."""

    def shape(self, detector: Detector) -> tuple[int, ...]:
        """Rows and columns of the detector."""
        return detector.shape

    def assemble(self, detector: Detector, transforms: tuple[Transform, ...]) -> Target:
        """The response with built transforms."""
        del detector
        return Response(transforms)


class Response(Target):
    """See `ResponseConfig`."""

    def physical(self, counts: Float[Array, "B H W"]) -> Float[Array, "B H W"]:
        """The counts themselves."""
        return counts


@register("target", "channels")
class ChannelsConfig(TargetConfig):
    """Only the photon sums of the readout channels."""

    def shape(self, detector: Detector) -> tuple[int, ...]:
        """The number of channels.

        Raises:
            ComponentError: the detector has no readout channels.
        """
        if not len(detector.readout):
            raise ComponentError(f"target 'channels': {detector.title} has no readout channels")
        return (len(detector.readout),)

    def assemble(self, detector: Detector, transforms: tuple[Transform, ...]) -> Target:
        """The channel sums with built transforms."""
        return Channels(transforms, Readout(detector))


class Channels(Target):
    """See `ChannelsConfig`."""

    readout: Readout

    def physical(self, counts: Float[Array, "B H W"]) -> Float[Array, "B R"]:
        """The channel sums."""
        return self.readout(counts)
