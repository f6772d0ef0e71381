"""A small discriminator of patches, trained from nothing (PatchGAN; Isola et al., arXiv 1611.07004)."""

from __future__ import annotations

from typing import Annotated, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.architectures.critic import Critic, CriticConfig
from zoo.catalogue import register
from zoo.errors import ComponentError
from zoo.layers.conv import Conv
from zoo.layers.linear import Linear
from zoo.typing import Key

SLOPE = 0.2
"""Of the leaky ReLUs."""


@register("architecture", "patch_critic")
class PatchCriticConfig(CriticConfig):
    """Strided 3x3 convolutions that judge overlapping patches, unconditioned; needs no pretrained weights."""

    channels: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Strict(False), Field(min_length=1)] = (16, 32, 64)
    """Channels of every convolution; each halves the map. The patches overlap and are 2^(n+1) - 1 pixels wide."""
    brightest: Annotated[float, Field(gt=0)] = 6.4
    """Value in model space that the network sees as 1; nothing is seen as -1. Published: 6.4, for log(1 + photons)."""

    def build(self, *, shape: tuple[int, ...], features: int, key: Key) -> PatchCritic:
        """A critic of images of any size."""
        del features
        if len(shape) != 2:
            raise ComponentError(f"architecture 'patch_critic' needs an image, not a target of shape {shape}")
        return PatchCritic(self, key=key)


class PatchCritic(Critic):
    """See `PatchCriticConfig`. No normalisation, which would hide how bright a response is."""

    convolutions: tuple[Conv, ...]
    biases: tuple[Float[Array, " out"], ...]
    last: Linear
    brightest: float = eqx.field(static=True)

    def __init__(self, config: PatchCriticConfig, *, key: Key) -> None:
        *keys, last_key = jax.random.split(key, 1 + len(config.channels))
        sizes = [1, *config.channels]
        self.convolutions = tuple(
            Conv(before, after, 3, stride=2, std=(9 * before) ** -0.5, key=one)
            for before, after, one in zip(sizes, sizes[1:], keys, strict=False)
        )
        self.biases = tuple(jnp.zeros(size) for size in config.channels)
        self.last = Linear(sizes[-1], 1, key=last_key)
        self.brightest = config.brightest

    def __call__(
        self, x: Float[Array, "B H W"], features: Float[Array, "B F"], *, key: Key | None
    ) -> tuple[Float[Array, "B P"], Self]:
        """One logit per patch, in raster order."""
        del features, key
        h = 2.0 * x[..., None] / self.brightest - 1.0
        for convolution, bias in zip(self.convolutions, self.biases, strict=True):
            h = jax.nn.leaky_relu(convolution(h) + bias, SLOPE)
        return self.last(h).reshape(len(x), -1).astype(jnp.float32), self
