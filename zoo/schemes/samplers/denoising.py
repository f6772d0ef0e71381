"""The role of a sampler of diffusions: from noise to data by what a network takes for the data in a noisy state."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Array, Float

from zoo.catalogue import Config
from zoo.schemes.noise_levels import Level, NoiseLevels
from zoo.typing import Key


@dataclass(frozen=True, eq=False)
class Denoising:
    """What a sampler is given of a trained diffusion."""

    levels: NoiseLevels
    data: Callable[[Float[Array, "B *shape"], Level], Float[Array, "B *shape"]]
    """(state, the level of all its examples) -> the predicted data, float32."""

    def slope(self, x: Float[Array, "B *shape"], level: Level) -> Float[Array, "B *shape"]:
        """dx/d(angle) along the probability-flow ODE: signal eps - noise data, with the eps that goes with the data."""
        return (level.signal * x - self.data(x, level)) / level.noise


class DenoisingSamplerConfig(Config):
    """Config of a sampler of diffusions; it has no parameters, so the config samples itself."""

    def check(self, levels: int) -> None:
        """Refuse what a diffusion of so many levels cannot do; called when a recipe is read.

        Raises:
            ValidationError: with the key that has to change.
        """

    @abstractmethod
    def denoise(self, denoising: Denoising, noise: Float[Array, "B *shape"], key: Key) -> Float[Array, "B *shape"]:
        """Data from `noise` (standard normal), in one traced loop; `key` feeds samplers that add noise on the way."""
