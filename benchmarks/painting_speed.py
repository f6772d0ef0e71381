"""Painting FoCal-H images ring by ring in one gather against the loop over rings that the paper describes.

Both are given the same rings for the same particles; prints images per second of both, the ratio, and the largest
deviation relative to the brightest pixel.
"""

from __future__ import annotations

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from zoo.data.sources.sample import SampleConfig
from zoo.detectors.focal_h import FoCalHConfig
from zoo.evaluation.timing import device_description
from zoo.layers.rings import painted, ring_of

RINGS = 148


def in_a_loop(
    sums: Float[np.ndarray, "B rings"], points: Float[np.ndarray, "B 2"], shape: tuple[int, int]
) -> Float[np.ndarray, "B H W"]:
    """Image after image, ring after ring."""
    row, column = np.indices(shape)
    images = np.zeros((len(sums), *shape), np.float32)
    for image, rings, point in zip(images, sums, points, strict=True):
        distance = np.hypot(row - point[0], column - point[1])
        for r in range(1, len(rings) + 1):
            inside = (distance >= r - 1) & (distance < r)
            if inside.any():
                image[inside] = rings[r - 1] / inside.sum()
    return images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    detector = FoCalHConfig().build()
    points = np.asarray(detector.impact(SampleConfig(dataset="ds2").events(detector)[: options.batch].particles))
    points = points.astype(np.float32)
    sums = np.random.default_rng(0).exponential(50.0, (options.batch, RINGS)).astype(np.float32)

    @jax.jit
    def at_once(sums: jax.Array, points: jax.Array) -> jax.Array:
        return painted(sums, ring_of(points, detector.shape, RINGS))

    given = jnp.asarray(sums), jnp.asarray(points)
    image = jax.block_until_ready(at_once(*given))
    fast, slow = [], []
    for _ in range(options.repeats):
        start = time.perf_counter()
        loop = in_a_loop(sums, points, detector.shape)
        middle = time.perf_counter()
        jax.block_until_ready(at_once(*given))
        slow.append(middle - start)
        fast.append(time.perf_counter() - middle)
    ratios = np.divide(slow, fast)
    print(f"{options.batch} images, {device_description()}")
    print(f"loop    {options.batch / np.median(slow):9.0f} images per second")
    print(f"gather  {options.batch / np.median(fast):9.0f} images per second")
    print(f"ratio   {np.median(ratios):9.0f} [{ratios.min():.0f}, {ratios.max():.0f}]")
    print(f"largest deviation {np.abs(np.asarray(image) - loop).max() / loop.max():.1e} of the brightest pixel")


if __name__ == "__main__":
    main()
