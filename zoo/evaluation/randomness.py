"""Random numbers of the evaluation: one seed, one stream for each purpose."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What random numbers are drawn for; adding one never shifts another."""

    RANDOM_HALVES = 0
    REPEATS = 1
    DIVERSITY = 2
    BOOTSTRAP = 3


def stream(seed: int, purpose: Purpose) -> np.random.Generator:
    """The random numbers of one purpose, from a seed that is not negative."""
    return np.random.default_rng([seed, purpose])
