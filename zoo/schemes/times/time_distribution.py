"""The role of a time distribution."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Array, Float

from zoo.catalogue import Config
from zoo.typing import Key


class TimeDistributionConfig(Config):
    """Config of a time distribution; it has no parameters, so the config draws itself."""

    @abstractmethod
    def draw(self, key: Key, size: int) -> Float[Array, " size"]:
        """Independent training times in [0, 1)."""
