"""The discriminator of the FM paper's autoencoders: VGG16 with a head on every block (components 8.4)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.architectures.critic import Critic, CriticConfig
from zoo.architectures.pretrained.vgg16 import VGG16, WIDTHS, check_size, pretrained_vgg16
from zoo.catalogue import Published, register
from zoo.layers.initial import Initialiser, lecun_normal, zeros
from zoo.typing import Key

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's channels. The network then expects images from 0 to 1, but the published code gives it -1 to 1."""

HEADS = (((32, 4), (1, 4)), ((64, 4), (1, 2)), ((128, 2), (1, 2)), ((1, 2),), ((1, 1),))
"""(channels, size and stride) of the convolutions on the five maps; all end with maps of the same size."""


@register("architecture", "vgg_critic")
class VGGCriticConfig(CriticConfig):
    """VGG16 that starts from ImageNet weights, with five heads whose logits are added; needs the extra `perceptual`."""

    head_init: Annotated[Literal["lecun", "zero"], Published("zero")] = "lecun"
    """Initial kernels of the heads. With zeros, as published, the heads of two layers never learn."""
    brightest: Annotated[float, Field(gt=0)] = 6.4
    """Value in model space that the network sees as 1; nothing is seen as -1. Published: 6.4, for log(1 + photons)."""

    def build(self, *, shape: tuple[int, ...], features: int, key: Key) -> VGGCritic:
        """A critic of images, unconditioned.

        Raises:
            ComponentError: the images are too small, or the extra is not installed.
        """
        del features
        check_size(shape, "architecture 'vgg_critic'")
        trunk_key, heads_key = jax.random.split(key)
        init = zeros if self.head_init == "zero" else lecun_normal
        keys = jax.random.split(heads_key, len(HEADS))
        heads = tuple(
            Head(width, layers, init, key=one) for width, layers, one in zip(WIDTHS, HEADS, keys, strict=True)
        )
        return VGGCritic(pretrained_vgg16(trunk_key), heads, self.brightest)


class Head(eqx.Module):
    """Convolutions without padding whose windows do not overlap, with ReLUs between them."""

    kernels: tuple[Float[Array, "size size in out"], ...]
    biases: tuple[Float[Array, " out"], ...]

    def __init__(self, width: int, layers: tuple[tuple[int, int], ...], init: Initialiser, *, key: Key) -> None:
        widths = [width, *(channels for channels, _ in layers)]
        keys = jax.random.split(key, len(layers))
        self.kernels = tuple(
            init(one, (size, size, before, after))
            for before, (after, size), one in zip(widths, layers, keys, strict=False)
        )
        self.biases = tuple(jnp.zeros(channels) for channels, _ in layers)

    def __call__(self, x: Float[Array, "B H W in"]) -> Float[Array, "B h w 1"]:
        """Logits, in the dtype of the weights."""
        for number, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            x = jax.nn.relu(x) if number else x
            strides = kernel.shape[:2]
            x = jax.lax.conv_general_dilated(x, kernel, strides, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = x + bias
        return x


class VGGCritic(Critic):
    """See `VGGCriticConfig`; all of it is trained."""

    trunk: VGG16
    heads: tuple[Head, ...]
    brightest: float = eqx.field(static=True)

    def __call__(
        self, x: Float[Array, "B H W"], features: Float[Array, "B F"], *, key: Key | None
    ) -> tuple[Float[Array, "B 1"], Self]:
        """One logit per image: the sum of the heads, averaged over their places."""
        del features, key
        grey = 2.0 * x[..., None] / self.brightest - 1.0
        maps = self.trunk((grey - jnp.asarray(MEAN)) / jnp.asarray(DEVIATION))
        logits = [head(map).astype(jnp.float32) for head, map in zip(self.heads, maps, strict=True)]
        return jnp.mean(sum(logits[1:], logits[0]), axis=(1, 2)), self
