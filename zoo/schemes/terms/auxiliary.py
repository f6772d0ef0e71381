"""Where the brightest pixel is, as an earlier stage sees it (schemes 4)."""

from __future__ import annotations

from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import register
from zoo.data.condition import Condition
from zoo.errors import ComponentError
from zoo.schemes.gan.auxiliary_regressor import AuxiliaryRegressor, Positions
from zoo.schemes.model import Model
from zoo.schemes.scheme import Setting
from zoo.schemes.stage_reference import StageName
from zoo.schemes.terms.term import Made, ResponseTermConfig, Term
from zoo.typing import Scalar


@register("term", "auxiliary")
class AuxiliaryConfig(ResponseTermConfig):
    """Squared distance, in pixels, between the brightest pixels that a trained regressor sees in response and event."""

    stage: StageName
    """The earlier stage with the regressor, whose scheme is `auxiliary_regressor`."""
    weight: Annotated[float, Field(gt=0)] = 0.001
    """What the term is multiplied by before it is added to the loss."""

    def build(self, setting: Setting) -> Auxiliary:
        """The term with the trained regressor.

        Raises:
            ComponentError: the earlier stage is no regressor, or was trained on another model space.
        """
        regressor = setting.earlier[self.stage]
        if not isinstance(regressor.scheme, AuxiliaryRegressor):
            raise ComponentError(f"term 'auxiliary': the scheme of stage {self.stage!r} must be 'auxiliary_regressor'")
        if jax.tree.structure(regressor.target) != jax.tree.structure(setting.target):
            raise ComponentError(f"term 'auxiliary': stage {self.stage!r} must have the same model.target as this one")
        return Auxiliary(regressor)


class Auxiliary(Term):
    """See `AuxiliaryConfig`."""

    regressor: Model

    def __call__(self, made: Made) -> Scalar:
        """Mean squared error of the row plus that of the column."""
        wanted = self._positions(made.events.x, made.events.condition)
        return jnp.mean(jnp.sum(jnp.square(self._positions(made.x, made.condition) - wanted), axis=-1))

    def _positions(self, x: Float[Array, "B H W"], condition: Condition) -> Positions:
        scheme = self.regressor.scheme
        assert isinstance(scheme, AuxiliaryRegressor)
        return scheme.positions(x, self.regressor.features(condition.particles))
