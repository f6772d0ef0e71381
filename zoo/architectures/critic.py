"""The role of a discriminator that looks at a response in one or several places."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

from jaxtyping import Array, Float

from zoo.catalogue import Config
from zoo.layers.training_only import TrainingOnly
from zoo.typing import Key


class Critic(TrainingOnly):
    """Images to logits: large where they look like GEANT's; never sees a loss."""

    @abstractmethod
    def __call__(
        self, x: Float[Array, "B H W"], features: Float[Array, "B F"], *, key: Key | None
    ) -> tuple[Float[Array, "B P"], Self]:
        """One logit per place, float32, and the critic with its running statistics moved on.

        Args:
            x: images in model space.
            features: what the images were made from; a critic without condition has no use for it.
            key: randomness of training. None means evaluation: no dropout, running statistics are used and stay.
        """


class CriticConfig(Config):
    """Config of a `Critic`."""

    @abstractmethod
    def build(self, *, shape: tuple[int, ...], features: int, key: Key) -> Critic:
        """A critic of images of `shape`.

        Raises:
            ComponentError: it cannot be built for this shape.
        """
