"""Classical regression of the channel sums (FM paper, appendix E; schemes 11)."""

from __future__ import annotations

from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import OneOf, register
from zoo.data.condition import Condition
from zoo.data.constants import Constants
from zoo.data.events import Events
from zoo.data.target import Target
from zoo.schemes.direct.channels_only import channel_count
from zoo.schemes.direct.estimators.estimator import Estimator, EstimatorConfig, Sample, need_scikit_learn
from zoo.schemes.direct.search import best_choice
from zoo.schemes.scheme import FittedScheme, Fitting, SchemeConfig, Setting
from zoo.typing import Key

BLOCK = 4096
"""Events whose responses are turned into channel sums at a time."""


@register("scheme", "classical")
class ClassicalConfig(SchemeConfig):
    """Channel sums straight from the particle, by an estimator that scikit-learn fits; the same for every response.

    Hyper-parameters with several values are chosen on the validation split, by cross-validation and the Wasserstein
    distance in model space; the estimator is then fitted to the training split. It is kept as arrays, and needs
    scikit-learn no more.
    """

    trained: ClassVar[bool] = False

    estimator: Annotated[EstimatorConfig, OneOf("estimator")]
    """The estimator and its grid of hyper-parameters."""
    folds: Annotated[int, Field(ge=2, le=1000)] = 5
    """Parts of the validation split in the cross-validation."""

    def unfitted(self, setting: Setting) -> Constants:
        """An estimator that knows nothing.

        Raises:
            ComponentError: the target is none of channel sums, or scikit-learn is not installed.
        """
        need_scikit_learn(f"estimator {self.estimator.component!r}")
        return self.estimator.unfitted(setting.features, channel_count(self.component, setting))

    def fit(self, fitting: Fitting) -> Constants:
        """The chosen hyper-parameters, and the estimator fitted with them.

        Raises:
            ComponentError: as `unfitted`.
            DataError: there are too few events.
        """
        self.unfitted(fitting.setting)
        choice = best_choice(self.estimator, _sample(fitting, fitting.validation), self.folds, fitting.watch)
        return self.estimator.fit(choice, _sample(fitting, fitting.train))

    def build(self, setting: Setting, *, key: Key) -> Classical:
        """The fitted estimator.

        Raises:
            ComponentError: the target is none of channel sums.
        """
        del key
        channel_count(self.component, setting)
        return Classical(self.estimator.build(setting.constants), setting.target)


class Classical(FittedScheme):
    """See `ClassicalConfig`."""

    estimator: Estimator
    target: Target

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B R"]:
        """The estimate, transformed back to photons, of which there are never fewer than none."""
        del key
        return self.target.inverse(self.estimator(condition.features))


def _sample(fitting: Fitting, events: Events) -> Sample:
    """The features and the channel sums of events, in model space."""
    target, parts = fitting.setting.target, []
    for start in range(0, len(events), BLOCK):
        block = events[start : start + BLOCK]
        x = fitting.features(jnp.asarray(block.particles, jnp.float32))
        y = target.forward(
            target.physical(jnp.asarray(block.counts, jnp.float32)), jax.random.fold_in(jax.random.key(0), start)
        )
        parts.append((np.asarray(x, np.float64), np.asarray(y, np.float64)))
    return Sample(*(np.concatenate(each) for each in zip(*parts, strict=True)))
