"""Perceptual distance from an event, by a network trained on photographs."""

from __future__ import annotations

from typing import Annotated

import equinox as eqx
import jax.numpy as jnp
from pydantic import Field

from zoo.architectures.pretrained.lpips import lpips
from zoo.architectures.pretrained.vgg16 import check_size, need_extra
from zoo.catalogue import register
from zoo.data.constants import Constants
from zoo.schemes.scheme import Fitting, Setting
from zoo.schemes.terms.term import Made, ResponseTermConfig, Term
from zoo.typing import Scalar


@register("term", "lpips")
class LPIPSConfig(ResponseTermConfig):
    """LPIPS (VGG16) between the response made and an event; needs the extra `perceptual` to be trained with."""

    weight: Annotated[float, Field(gt=0)] = 1.0
    """What the term is multiplied by before it is added to the loss."""
    brightest: Annotated[float, Field(gt=0)] = 6.4
    """Value in model space that the network sees as white; nothing is seen as black. Published: 6.4, for log(1 +
    photons). The distance means nothing without it."""

    def fit(self, fitting: Fitting) -> Constants:
        """Nothing to fit; refused before the training starts where the weights are not there.

        Raises:
            ComponentError: the extra is not installed.
        """
        del fitting
        need_extra("term 'lpips'")
        return {}

    def build(self, setting: Setting) -> LPIPS:
        """The term; its network is loaded when a loss is first computed.

        Raises:
            ComponentError: the responses are too small for the network.
        """
        check_size(setting.shape, "term 'lpips'")
        return LPIPS(self.brightest)


class LPIPS(Term):
    """See `LPIPSConfig`."""

    brightest: float = eqx.field(static=True)

    def __call__(self, made: Made) -> Scalar:
        """Mean over the batch."""
        x, y = (2.0 * image / self.brightest - 1.0 for image in (made.x, made.events.x))
        return jnp.mean(lpips(x, y))
