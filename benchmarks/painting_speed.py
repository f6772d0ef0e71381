"""Painting FoCal-H images ring by ring in one gather against the loop over rings that the paper describes.

Both are given the same rings for the same particles; prints images per second of both, per processor second as well
(what other programs leave of a busy machine has no say in it), the ratio, and the largest deviation relative to the
brightest pixel.
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


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


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
    seconds = np.empty((options.repeats, 2, 2))
    for repeat in range(options.repeats):
        marks = [_clocks()]
        loop = in_a_loop(sums, points, detector.shape)
        marks.append(_clocks())
        jax.block_until_ready(at_once(*given))
        marks.append(_clocks())
        seconds[repeat] = np.diff(marks, axis=0)
    ratios = seconds[:, 0] / seconds[:, 1]
    print(f"{options.batch} images, {device_description()}")
    for name, clocks in zip(("loop", "gather"), np.median(seconds, axis=0), strict=True):
        wall, processor = options.batch / clocks
        print(f"{name:8}{wall:9.0f} images per second, {processor:9.0f} per processor second")
    for name, clock in zip(("wall time", "processor time"), ratios.T, strict=True):
        print(f"ratio in {name}: {np.median(clock):.0f} [{clock.min():.0f}, {clock.max():.0f}]")
    print(f"largest deviation {np.abs(np.asarray(image) - loop).max() / loop.max():.1e} of the brightest pixel")


if __name__ == "__main__":
    main()
