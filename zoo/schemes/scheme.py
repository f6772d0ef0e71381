"""The contract of a generative scheme."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, Self, TypeVar

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int, PyTree, Shaped

from zoo.catalogue import Config
from zoo.data.condition import Condition
from zoo.data.constants import Constants
from zoo.data.events import Events
from zoo.data.features.features import Features
from zoo.data.readout import Readout
from zoo.data.target import Target
from zoo.errors import ComponentError
from zoo.typing import Key, Scalar

if TYPE_CHECKING:
    from zoo.schemes.model import Model


class Batch(eqx.Module):
    """One batch of events on the device."""

    x: Float[Array, "B *shape"]
    """The stage's target in model space."""
    physical: Float[Array, "B *shape"]
    """The same in photons."""
    counts: Float[Array, "B H W"]
    """The whole responses in photons."""
    condition: Condition
    progress: Float[Array, ""] | float = 0.0
    """How much of the training is behind this step, from 0 to 1; for weights that change on the way."""
    code: PyTree[Shaped[Array, "B ..."]] | None = None
    """What `Encoding.encode` made of these events before the training; None where they are still to be encoded."""


class Outcome(NamedTuple):
    """What a loss returns."""

    value: Scalar
    metrics: Mapping[str, Scalar]
    """Named numbers for the log and the live display."""
    scheme: Scheme | None = None
    """The scheme with its running state (EMA codebook, batch statistics) moved on; None where it has none."""


@dataclass(frozen=True)
class Setting:
    """What the runner knows and a scheme needs to be built."""

    shape: tuple[int, ...]
    """Shape of the stage's target for one event."""
    features: int
    """Size of the condition vector."""
    maps: int
    """Number of condition maps (input channels beside the state)."""
    target: Target
    readout: Readout
    channels: int | None = None
    """Numbers per pixel of the target; None where it has no axis for them, as responses have none."""
    earlier: Mapping[str, Model] = field(default_factory=dict)
    """The trained, frozen models of earlier stages by name."""
    constants: Constants = field(default_factory=dict)
    """What `SchemeConfig.fit` made, or neutral numbers of `SchemeConfig.unfitted`."""


Generate = Callable[[str], Iterator[tuple[slice, Float[np.ndarray, "n *shape"]]]]
"""Name of an earlier stage to (rows, photons): one generated target for every training particle, chunk by chunk."""


T = TypeVar("T")


class Watch(Protocol):
    """Follows a fit that takes its time."""

    def __call__(self, parts: Sequence[T]) -> Iterator[T]:
        """The parts of the work one by one, each taken as done when the next is asked for.

        Raises:
            Interrupted: the runner was asked to stop; what was to be fitted is fitted anew next time.
        """
        ...


@dataclass(frozen=True, eq=False)
class Fitting:
    """What a scheme may fit constants on: events, and what earlier stages generate for the training particles."""

    setting: Setting
    """As for `SchemeConfig.build`, with the fitted target and without constants of the scheme."""
    train: Events
    generate: Generate
    validation: Events
    """For choosing between several fits."""
    features: Features
    """What the condition features are made with."""
    watch: Watch


class Scheme(eqx.Module):
    """A generative framework: networks, the loss of every player, and how it samples.

    Array fields that no player owns are state: they are checkpointed, and change only through
    `Outcome.scheme`.
    """

    @abstractmethod
    def players(self) -> Mapping[str, tuple[str, ...]]:
        """Player name to the (dotted) fields holding the networks it trains."""

    @abstractmethod
    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """The loss that one player minimises over its own networks, float32.

        Every player of a step is given the same batch and key and the state before the step, so shared
        computations are done once per compiled step.
        """

    @abstractmethod
    def sample(self, condition: Condition, key: Key) -> Float[Array, "B *shape"]:
        """Generated targets in photons, one per particle; jitted whole by the caller.

        Raises:
            ComponentError: there is nothing that the scheme generates.
        """

    def with_networks(self, networks: Mapping[str, eqx.Module]) -> Self:
        """The same scheme with some networks replaced, by dotted field name."""
        scheme = self
        for path, network in networks.items():
            scheme = eqx.tree_at(lambda tree, path=path: network_at(tree, path), scheme, network)
        return scheme


class Examined(Scheme):
    """A scheme that can be asked about given events; the answers are told beside whatever it generates."""

    @abstractmethod
    def errors(self, batch: Batch) -> Mapping[str, Float[Array, " B"]]:
        """Errors event by event, in evaluation mode: `loss`, the smaller the better, and what explains it."""


class EventScheme(Examined):
    """A scheme about given responses, such as a regressor: it generates none, and is judged by its errors."""

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B *shape"]:
        """Refused.

        Raises:
            ComponentError: always.
        """
        raise ComponentError("the model answers about given responses; it generates none")


class Reconstructing(Scheme):
    """A scheme that encodes given targets and decodes them again; how well is told beside whatever else it does."""

    @abstractmethod
    def reconstruct(self, batch: Batch) -> Float[Array, "B *shape"]:
        """Given targets through the code and back, in photons, in evaluation mode."""


class Tokenising(Scheme):
    """A scheme that makes codebook entries of given events; how it uses them is told beside whatever else it does."""

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of entries, K."""

    @abstractmethod
    def tokenise(self, batch: Batch) -> Int[Array, "B T"]:
        """The entries that stand for every event, from 0 to K - 1, in evaluation mode."""


class Encoding(Scheme):
    """A scheme that learns the code which a frozen earlier stage makes of events, the same in every epoch.

    The runner has all training events encoded once, before the training, and hands the codes over in `Batch.code`.
    """

    @abstractmethod
    def encode(self, batch: Batch, key: Key) -> PyTree[Shaped[Array, "B ..."]]:
        """The code of given events, float32 or whole numbers; `key` is the randomness of the target's transforms."""

    @property
    @abstractmethod
    def fixed(self) -> bool:
        """Whether the code of an event is always the same; encoded anew at every step where it is not."""


class FittedScheme(Scheme):
    """A scheme without players: what it learns are its constants."""

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """None."""
        return {}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Refused.

        Raises:
            ComponentError: always.
        """
        raise ComponentError("the scheme has nothing to train")


def network_at(scheme: eqx.Module, path: str) -> eqx.Module:
    """The sub-module at a dotted field path."""
    for name in path.split("."):
        scheme = getattr(scheme, name)
    return scheme


class SchemeConfig(Config):
    """Config of a scheme; most have nothing to fit."""

    trained: ClassVar[bool] = True
    """Whether the scheme has players. A stage whose scheme has none is only fitted, and needs no `[train]`."""

    @property
    def separable(self) -> bool:
        """Whether several devices may share a batch, each with its part of the events.

        They may where the loss is a mean over events of what depends on that event (and noise) alone, without running
        state.
        """
        return False

    def unfitted(self, setting: Setting) -> Constants:
        """Neutral constants, for building a stage without data."""
        del setting
        return {}

    def fit(self, fitting: Fitting) -> Constants:
        """Constants learned without gradients; `build` finds them in `Setting.constants`.

        Raises:
            ComponentError: the parts do not fit together.
            DataError: nothing can be learned from these events.
        """
        del fitting
        return {}

    @abstractmethod
    def build(self, setting: Setting, *, key: Key) -> Scheme:
        """The scheme with freshly initialised networks.

        Raises:
            ComponentError: the parts do not fit together.
        """
