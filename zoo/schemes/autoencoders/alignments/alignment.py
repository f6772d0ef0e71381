"""The role of an alignment: how far generated codes are from encoded ones."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import Config
from zoo.typing import Scalar


class AlignmentConfig(Config):
    """Config of an alignment; it has no parameters, so the config measures itself."""

    weight: Annotated[float, Field(gt=0)]
    """What the distance is multiplied by before it is added to the loss."""

    @abstractmethod
    def distance(
        self, encoded: Float[Array, "B L"], generated: Float[Array, "B L"], features: Float[Array, "B F"]
    ) -> Scalar:
        """The distance before it is weighted, float32.

        Args:
            encoded: codes of the batch's responses.
            generated: codes made from noise and the particles of the same rows.
            features: the condition.
        """
