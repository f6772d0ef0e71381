"""Settings of JAX under which models are built and sampled, whatever the program around them has set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax

from zoo.typing import Key

PRNG = "threefry2x32"
"""How random numbers are made; other generators give other responses for the same seed."""


def sampling_key(seed: int) -> Key:
    """The random key of a seed, whatever `JAX_DEFAULT_PRNG_IMPL` says."""
    return jax.random.key(seed, impl=PRNG)


@contextmanager
def own_settings() -> Iterator[None]:
    """Numbers have 32 bits (`JAX_ENABLE_X64`), and random ones do not depend on `JAX_THREEFRY_PARTITIONABLE`."""
    with jax.enable_x64(False), jax.threefry_partitionable(True):
        yield
