"""The role of a loss term: what a recipe adds to the loss of the player that makes responses."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import Config
from zoo.data.condition import Condition
from zoo.data.constants import Constants, prefixed, within
from zoo.errors import ComponentError
from zoo.layers.training_only import TrainingOnly
from zoo.schemes.scheme import Batch, Fitting, Setting
from zoo.typing import Scalar


@dataclass(frozen=True)
class Judged:
    """What only a scheme with a discriminator knows of the responses it made."""

    batch: Batch
    """The events in the order in which they came, before the conditions were permuted."""
    noise: Float[Array, "B L"]
    """The noise that the responses were made from."""
    embedding: Float[Array, "B E"]
    """The discriminator's embedding of the responses."""
    again: Callable[[], tuple[Float[Array, "B L"], Float[Array, "B E"]]]
    """Noise and embedding of further responses to the same conditions."""


@dataclass(frozen=True)
class Made:
    """Responses that a scheme made in a training step."""

    x: Float[Array, "B H W"]
    """In model space, float32."""
    condition: Condition
    """What they were made from."""
    events: Batch
    """The events they are compared with, row by row."""
    judged: Judged | None = None
    """None where there is no discriminator."""


class Term(eqx.Module):
    """A number to be made small."""

    @abstractmethod
    def __call__(self, made: Made) -> Scalar:
        """The term before it is weighted, float32."""


class TermConfig(Config):
    """Config of a term that may need a discriminator; a GAN takes any."""

    weight: Annotated[float, Field(gt=0)]
    """What the term is multiplied by before it is added to the loss."""

    def unfitted(self, setting: Setting) -> Constants:
        """Neutral constants, for building without data."""
        del setting
        return {}

    def fit(self, fitting: Fitting) -> Constants:
        """Constants learned from the training split; `build` finds them in `Setting.constants`."""
        del fitting
        return {}

    @abstractmethod
    def build(self, setting: Setting) -> Term:
        """The term.

        Raises:
            ComponentError: the parts do not fit together.
        """


class ResponseTermConfig(TermConfig):
    """Config of a term that looks at responses alone; every scheme that makes responses takes it."""


class Terms(TrainingOnly):
    """The terms of a scheme, weighted and added."""

    terms: tuple[Term, ...]
    configs: tuple[TermConfig, ...] = eqx.field(static=True)

    def __call__(self, made: Made) -> tuple[Scalar, dict[str, Scalar]]:
        """(weighted sum, every term before it is weighted by its component's name)."""
        values = {config.component: term(made) for config, term in zip(self.configs, self.terms, strict=True)}
        total = sum((config.weight * values[config.component] for config in self.configs), jnp.zeros(()))
        return total, values

    def losses(self, made: Made) -> dict[str, tuple[float, Callable[[Float[Array, "B H W"]], Scalar]]]:
        """(weight, the term as a function of the responses made alone) by its component's name."""
        pairs = zip(self.configs, self.terms, strict=True)
        return {
            config.component: (config.weight, lambda x, term=term: term(replace(made, x=x))) for config, term in pairs
        }


def build_terms(configs: Sequence[TermConfig], setting: Setting) -> Terms:
    """The terms of a scheme's config.

    Raises:
        ComponentError: a term is listed twice, or does not fit.
    """
    return Terms(tuple(config.build(own) for config, own in _own(configs, setting)), tuple(configs))


def fit_terms(configs: Sequence[TermConfig], fitting: Fitting) -> Constants:
    """The constants of all terms, to be returned by the scheme's `fit` as they are."""
    return _gathered({c.component: c.fit(replace(fitting, setting=own)) for c, own in _own(configs, fitting.setting)})


def unfitted_terms(configs: Sequence[TermConfig], setting: Setting) -> Constants:
    """Neutral constants of all terms."""
    return _gathered({config.component: config.unfitted(own) for config, own in _own(configs, setting)})


def _own(configs: Sequence[TermConfig], setting: Setting) -> Iterator[tuple[TermConfig, Setting]]:
    """Every term with the setting in which only its own constants are left."""
    names = [config.component for config in configs]
    for name in names:
        if names.count(name) > 1:
            raise ComponentError(f"term {name!r} is listed twice; add up the weights instead")
    for config in configs:
        yield config, replace(setting, constants=within(setting.constants, f"terms/{config.component}"))


def _gathered(parts: Mapping[str, Constants]) -> Constants:
    return {key: value for name, part in parts.items() for key, value in prefixed(part, f"terms/{name}").items()}
