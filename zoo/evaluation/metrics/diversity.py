"""Spread between responses to the same particle, against GEANT's."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.sparse import csr_array

from zoo.evaluation.observables import blocks, slabs

MINIMUM_EVENTS = 5
"""Responses a particle needs before its spread is looked at."""

Summary = dict[str, float | int]
"""`median`, `low` and `high` (16 and 84 %) over particles, and the number of `particles`."""


class PixelSpread:
    """Streaming f(c) = sum over pixels of the population std of ln(1 + count) over the responses to particle c.

    The diversity of SDI-GAN (arXiv:2207.01561). Holds two sums per particle and pixel, never the responses.
    """

    def __init__(self, groups: int, pixels: tuple[int, int]) -> None:
        self._events = np.zeros(groups)
        self._sum = np.zeros((groups, math.prod(pixels)))
        self._squares = np.zeros_like(self._sum)

    def update(self, responses: Shaped[np.ndarray, "n H W"], groups: Int[np.ndarray, " n"]) -> None:
        """Add responses in photons; those of group -1 are passed over."""
        for rows, block in blocks(responses):
            kept = np.flatnonzero(groups[rows] >= 0)
            present, member, counts = np.unique(groups[rows][kept], return_inverse=True, return_counts=True)
            gather = csr_array((np.ones(len(kept)), (member, kept)), shape=(len(present), len(block)))
            logs = np.log1p(block).reshape(len(block), -1)
            self._events[present] += counts
            self._sum[present] += gather @ logs
            self._squares[present] += gather @ np.square(logs, out=logs)

    def merge(self, other: PixelSpread) -> None:
        """Add what another part of the same events has gathered."""
        self._events += other._events
        self._sum += other._sum
        self._squares += other._squares

    def compute(self) -> Float[np.ndarray, " G"]:
        """f(c) of every particle; 0 for one without responses."""
        events = np.maximum(self._events, 1)[:, None]
        variance = self._squares / events - np.square(self._sum / events)
        return np.sqrt(np.maximum(variance, 0)).sum(axis=1)


def spread_of_pixels(
    responses: Shaped[np.ndarray, "N H W"], rows: Int[np.ndarray, " n"], groups: Int[np.ndarray, " N"], number: int
) -> Float[np.ndarray, " G"]:
    """`PixelSpread` of some rows of responses that are all there, to each of `number` particles."""
    gathered = PixelSpread(number, responses.shape[1:])
    for part in slabs(responses, len(rows)):
        gathered.update(responses[rows[part]], groups[rows[part]])
    return gathered.compute()


def spread_of_sums(
    sums: Float[np.ndarray, " n"], groups: Int[np.ndarray, " n"], number: int
) -> Float[np.ndarray, " G"]:
    """Population standard deviation of the photon sum over the responses to each of `number` particles, in photons."""
    counted = groups >= 0
    sums, groups = sums[counted], groups[counted]
    events = np.maximum(np.bincount(groups, minlength=number), 1)
    mean = np.bincount(groups, sums, number) / events
    return np.sqrt(np.bincount(groups, np.square(sums - mean[groups]), number) / events)


def ratio(generated: Float[np.ndarray, "K G"], reference: Float[np.ndarray, "K G"]) -> Summary | None:
    """Generated spread over the reference's: median and central 68 % over particles, averaged over K repeats.

    Numerator and denominator have seen equally many responses to each particle, so that the ratio of two samples of the
    same law has the median 1. A particle without any spread in the reference has no ratio; None if that leaves none.
    """
    varied = (reference > 0).all(axis=0)
    if not varied.any():
        return None
    ratios = generated[:, varied] / reference[:, varied]
    low, median, high = np.percentile(ratios, [16, 50, 84], axis=1).mean(axis=1)
    return {"median": float(median), "low": float(low), "high": float(high), "particles": int(varied.sum())}
