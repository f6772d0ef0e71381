"""Learned perceptual image patch similarity, LPIPS v0.1 on VGG16 (Zhang et al., arXiv 1801.03924; components 8.5)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.architectures.pretrained.vgg16 import lpips_heads, pretrained_vgg16

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
"""Of the three channels, for images from -1 to 1."""
EPS = 1e-10


def lpips(x: Float[Array, "B H W"], y: Float[Array, "B H W"]) -> Float[Array, " B"]:
    """Distance of every image from another, float32; 0 for equal ones.

    Args:
        x: grey images from -1 to 1, seen by the network in all three channels.
        y: the other images.

    Raises:
        ComponentError: the extra with the weights is not installed.
    """
    # The weights are constants of the program, so that no model, checkpoint or card carries them along; the barrier
    # keeps XLA from spending minutes on turning the kernels round for the gradient while it compiles.
    with jax.ensure_compile_time_eval():
        trunk, heads = pretrained_vgg16(jax.random.key(0)), lpips_heads()
    trunk, heads = jax.lax.optimization_barrier((trunk, heads))
    both = jnp.concatenate([x, y])[..., None].astype(jnp.float32)
    both = (both - jnp.asarray(SHIFT)) / jnp.asarray(SCALE)
    distance = jnp.zeros(len(x))
    for map, head in zip(trunk(both), heads, strict=True):
        # The square root has no derivative where a pixel's features are all zero.
        length = jnp.sqrt(jnp.sum(jnp.square(map), axis=-1, keepdims=True) + EPS**2)
        unit = map / (length + EPS)
        difference = jnp.square(unit[: len(x)] - unit[len(x) :])
        distance = distance + jnp.mean(difference @ head, axis=(1, 2))
    return distance
