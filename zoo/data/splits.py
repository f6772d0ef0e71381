"""Training, validation and test rows by the published rule."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
from jaxtyping import Int

from zoo.data.events import Events
from zoo.errors import DataError

TEST_FRACTION, TEST_SEED = 0.2, 42
VALIDATION_FRACTION, VALIDATION_SEED = 0.125, 43


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the three parts."""

    train: Int[np.ndarray, " T"]
    validation: Int[np.ndarray, " V"]
    test: Int[np.ndarray, " E"]


def split_events(events: Events, how: Literal["by-event", "by-particle"]) -> Split:
    """70/10/20 as in the published code: 20 % test with seed 42, then 12.5 % of the rest with seed 43.

    `by-event` draws events, row for row what scikit-learn's shuffled `train_test_split` gives; `by-particle`
    draws unique particle vectors by the same rule and takes all their events.

    Raises:
        DataError: too few events (or unique particles) for three non-empty parts.
    """
    if how == "by-event":
        return Split(*_draw(len(events), f"{events.origin}: {len(events)} events"))
    _, owner = np.unique(events.particles, axis=0, return_inverse=True)
    owner = owner.reshape(-1)
    unique = int(owner.max()) + 1
    parts = _draw(unique, f"{events.origin}: {unique} unique particles")
    return Split(*(np.flatnonzero(np.isin(owner, part)) for part in parts))


def _draw(n: int, what: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rest, test = _shuffled(np.arange(n), TEST_FRACTION, TEST_SEED)
    train, validation = _shuffled(rest, VALIDATION_FRACTION, VALIDATION_SEED)
    if not (len(train) and len(validation) and len(test)):
        raise DataError(f"{what} are too few to split into training, validation and test; 3 is the least")
    return train, validation, test


def _shuffled(rows: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(rest, held out); the legacy generator is the one the published split was drawn with."""
    held_out = ceil(fraction * len(rows))
    order = np.random.RandomState(seed).permutation(len(rows))
    return rows[order[held_out:]], rows[order[:held_out]]
