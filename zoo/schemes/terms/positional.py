"""Where the signal of a response lies, beside where its particle should have hit (FoCal paper; schemes 10)."""

from __future__ import annotations

from typing import Annotated

import equinox as eqx
import jax.numpy as jnp
from pydantic import Field

from zoo.catalogue import register
from zoo.data.target import Target
from zoo.detectors.detector import Detector
from zoo.layers.centre_of_mass import positional_distances
from zoo.schemes.scheme import Setting
from zoo.schemes.terms.term import Made, ResponseTermConfig, Term
from zoo.typing import Scalar

LEAST = 1.0
"""Signal below which a response is not asked where it lies: gradients of fainter ones would know no bounds."""


@register("term", "positional")
class PositionalConfig(ResponseTermConfig):
    """Distance, |rows| + |columns| in pixels, of a response's centre of mass from where the particle's line hits.

    A response with less than one count and a particle whose line meets nothing add nothing to it.
    """

    weight: Annotated[float, Field(gt=0)] = 0.1
    """What the term is multiplied by before it is added to the loss; unpublished, 0.01 to 1 are reasonable."""

    def build(self, setting: Setting) -> Positional:
        """The term with the geometry of the detector."""
        return Positional(setting.target, setting.readout.detector)


class Positional(Term):
    """See `PositionalConfig`."""

    target: Target
    detector: Detector = eqx.field(static=True)

    def __call__(self, made: Made) -> Scalar:
        """Mean over the batch."""
        points = self.detector.impact(made.condition.particles)
        return jnp.mean(positional_distances(self.target.inverse(made.x), points, least=LEAST)[0])
