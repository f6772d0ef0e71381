"""The auxiliary regressor: where the brightest pixel of a response is (components 5, schemes 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Strict

from zoo.architectures.backbone import BackboneConfig
from zoo.catalogue import OneOf, register
from zoo.errors import ComponentError
from zoo.schemes.gan.gan import Size
from zoo.schemes.gan.networks import Reader
from zoo.schemes.scheme import Batch, EventScheme, Outcome, SchemeConfig, Setting
from zoo.typing import Key

Positions = Float[Array, "B 2"]
"""Row and column, in pixels; pixel centres lie at whole numbers."""


@register("scheme", "auxiliary_regressor")
class AuxiliaryRegressorConfig(SchemeConfig):
    """Row and column of the brightest pixel, from a response and its particle, for the GAN term `auxiliary`."""

    network: Annotated[BackboneConfig, OneOf("architecture")]
    """The architecture whose encoder reads the response."""
    token_size: Size = 128
    """Numbers per token that are kept of the encoder."""
    hidden: Annotated[tuple[Size, ...], Strict(False)] = (128, 64)
    """Units of the layers between these and the two coordinates."""

    def build(self, setting: Setting, *, key: Key) -> AuxiliaryRegressor:
        """A regressor for the stage's response.

        Raises:
            ComponentError: the target is not an image, or there are condition maps.
        """
        if setting.maps:
            raise ComponentError("scheme 'auxiliary_regressor' has no use for condition maps: leave out model.maps")
        rows, columns = self.network.image_shape(setting.shape)
        network = Reader(
            self.network, setting.shape, setting.features, 2, token_size=self.token_size, hidden=self.hidden, key=key
        )
        return AuxiliaryRegressor(network, (rows, columns), self)


class AuxiliaryRegressor(EventScheme):
    """See `AuxiliaryRegressorConfig`."""

    network: Reader
    shape: tuple[int, int] = eqx.field(static=True)
    config: AuxiliaryRegressorConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """One player."""
        return {"regressor": ("network",)}

    def positions(self, x: Float[Array, "B H W"], features: Float[Array, "B F"]) -> Positions:
        """Where the regressor takes the brightest pixel to be, without dropout; within the image."""
        return self._within(self.network(x, features, key=None)[0])

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Mean squared error of the row plus that of the column."""
        del player
        found, _, network = self.network(batch.x, batch.condition.features, key=key)
        loss = jnp.mean(_squared(self._within(found), brightest(batch.x)))
        return Outcome(loss, {"loss": loss}, eqx.tree_at(lambda scheme: scheme.network, self, network))

    def errors(self, batch: Batch) -> Mapping[str, Float[Array, " B"]]:
        """`loss` (squared pixels), `row_error` and `column_error` (pixels)."""
        found, true = self.positions(batch.x, batch.condition.features), brightest(batch.x)
        off = jnp.abs(found - true)
        return {"loss": _squared(found, true), "row_error": off[:, 0], "column_error": off[:, 1]}

    def _within(self, positions: Positions) -> Positions:
        return jnp.clip(positions, 0.0, jnp.array(self.shape, jnp.float32))


def brightest(x: Float[Array, "B H W"]) -> Positions:
    """Row and column of the brightest pixel; of several equally bright ones the first in raster order."""
    place = jnp.argmax(x.reshape(len(x), -1), axis=1)
    return jnp.stack(jnp.divmod(place, x.shape[2]), axis=-1).astype(jnp.float32)


def _squared(found: Positions, true: Positions) -> Float[Array, " B"]:
    return jnp.sum(jnp.square(found - true), axis=-1)
