"""Events that share a particle: grouping, and pairing into independent halves."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, Shaped

from zoo.errors import DataError


def particle_groups(particles: Shaped[np.ndarray, "N P"]) -> Int[np.ndarray, " N"]:
    """Number of the particle of every event, counted from 0; equal means equal in every column, exactly.

    Raises:
        DataError: not a table of finite numbers.
    """
    if particles.ndim != 2 or 0 in particles.shape or particles.dtype.kind not in "buif":
        shape = " x ".join(map(str, particles.shape))
        raise DataError(f"particles: shape {shape}, dtype {particles.dtype}; one row of numbers an event is expected")
    if not np.isfinite(particles).all():
        event = int(np.argwhere(~np.isfinite(particles))[0, 0])
        raise DataError(f"particles: event {event} holds a value that is not finite")
    return np.unique(particles, axis=0, return_inverse=True)[1].reshape(-1)


def pair(
    groups: Int[np.ndarray, " N"], generator: np.random.Generator
) -> tuple[Int[np.ndarray, " K"], Int[np.ndarray, " K"]]:
    """Rows of two independent halves, matched one to one by particle.

    Every group is shuffled and its members 2k and 2k+1 become a pair; the last of an odd number is left out. The papers
    ask for identical particle features in the two halves of the original data and leave open how they are matched.
    """
    shuffled = generator.permutation(len(groups))
    order = shuffled[np.argsort(groups[shuffled], kind="stable")]
    ordered = groups[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    follows = np.flatnonzero(rank % 2 == 1)
    return order[follows - 1], order[follows]


def frequent(groups: Int[np.ndarray, " N"], minimum: int) -> Int[np.ndarray, " N"]:
    """Groups of at least `minimum` events numbered anew from 0; -1 for the events of all others."""
    enough = np.bincount(groups) >= minimum
    return np.where(enough, np.cumsum(enough) - 1, -1)[groups]
