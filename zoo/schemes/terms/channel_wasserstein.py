"""Direct optimisation of the readout channels (thesis, Fig. 4.6: a negative result)."""

from __future__ import annotations

from typing import Annotated

import equinox as eqx
from pydantic import Field

from zoo.catalogue import register
from zoo.data.readout import Readout
from zoo.data.target import Target
from zoo.schemes.scheme import Setting
from zoo.schemes.terms.sinkhorn import SinkhornConfig
from zoo.schemes.terms.term import Made, ResponseTermConfig, Term
from zoo.typing import Scalar


@register("term", "channel_wasserstein")
class ChannelWassersteinConfig(SinkhornConfig, ResponseTermConfig):
    """Sinkhorn divergence between the channel sums of a batch's events and of the responses made, in photons."""

    weight: Annotated[float, Field(gt=0)] = 0.1
    """What the term is multiplied by before it is added to the loss."""

    def build(self, setting: Setting) -> ChannelWasserstein:
        """The term on this stage's readout."""
        return ChannelWasserstein(setting.target, setting.readout, self)


class ChannelWasserstein(Term):
    """See `ChannelWassersteinConfig`."""

    target: Target
    readout: Readout
    config: ChannelWassersteinConfig = eqx.field(static=True)

    def __call__(self, made: Made) -> Scalar:
        """S(true sums, made sums)."""
        return self.config.divergence(self.readout(made.events.counts), self.readout(self.target.inverse(made.x)))
