"""Squared difference from an event."""

from __future__ import annotations

from typing import Annotated

import jax.numpy as jnp
from pydantic import Field

from zoo.catalogue import register
from zoo.schemes.reductions import summed
from zoo.schemes.scheme import Setting
from zoo.schemes.terms.term import Made, ResponseTermConfig, Term
from zoo.typing import Scalar


@register("term", "l2")
class L2Config(ResponseTermConfig):
    """Squared difference between the response made and an event, in model space, summed over the pixels."""

    weight: Annotated[float, Field(gt=0)] = 0.001
    """What the term is multiplied by before it is added to the loss."""

    def build(self, setting: Setting) -> L2:
        """The term; nothing to set."""
        del setting
        return L2()


class L2(Term):
    """See `L2Config`."""

    def __call__(self, made: Made) -> Scalar:
        """Mean over the batch."""
        return summed(jnp.square(made.x - made.events.x))
