"""Mixtures of data and noise: x_t = signal x + noise eps, where signal^2 + noise^2 = 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


class Level(NamedTuple):
    """What a state is made of, float32."""

    signal: Float[Array, "*batch"]
    """The factor of the data."""
    noise: Float[Array, "*batch"]
    """The factor of the noise."""
    time: Float[Array, "*batch"]
    """What a network is told, in [0, 1): the number of the level out of all levels."""


@dataclass(frozen=True, eq=False)
class NoiseLevels:
    """The levels of a diffusion's training, from almost no noise to almost nothing but; float64, on the host."""

    signal: Float[np.ndarray, " T"]
    noise: Float[np.ndarray, " T"]

    @classmethod
    def adding(cls, betas: Float[np.ndarray, " T"]) -> Self:
        """The levels that result from adding noise of the given variances, one after the other."""
        remaining = np.cumprod(1.0 - betas)
        return cls(np.sqrt(remaining), np.sqrt(1.0 - remaining))

    def __len__(self) -> int:
        return len(self.signal)

    def at(self, number: Int[Array, "*batch"] | Int[np.ndarray, "*batch"]) -> Level:
        """The levels of these numbers, from 0 to T - 1."""
        signal, noise = (jnp.asarray(table, jnp.float32)[number] for table in (self.signal, self.noise))
        return Level(signal, noise, jnp.asarray(number, jnp.float32) / len(self))

    @property
    def angles(self) -> Float[np.ndarray, " T"]:
        """Every level as an angle that rises from 0 (data) to pi/2 (noise): signal is its cosine, noise its sine."""
        return np.arctan2(self.noise, self.signal)

    def at_angle(self, angle: Float[Array, ""]) -> Level:
        """The level at an angle between the first and the last; its time lies between those of its neighbours."""
        number = jnp.interp(angle, jnp.asarray(self.angles, jnp.float32), jnp.arange(len(self), dtype=jnp.float32))
        return Level(jnp.cos(angle), jnp.sin(angle), number / len(self))
