"""Values of responses: what no detector counts, and what few do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool

from zoo.evaluation.description.finding import REFUSED, Finding, note, problem, share
from zoo.evaluation.observables import Responses, slabs

FEWEST_PHOTONS = 10
"""Photon sum from which on the published data sets of the ZDC keep an event."""


def possible(responses: Responses) -> tuple[Bool[np.ndarray, " N"], list[Finding]]:
    """Events whose counts are all finite and not negative, and what is wrong with the others."""
    good = np.ones(len(responses), bool)
    odd = {"values that are not finite": 0, "negative counts": 0}
    first: dict[str, int] = {}
    for rows in slabs(responses):
        part = responses[rows].reshape(rows.stop - rows.start, -1)
        for what, bad in zip(odd, (~np.isfinite(part).all(axis=1), (part < 0).any(axis=1)), strict=True):
            odd[what] += int(bad.sum())
            if bad.any():
                first.setdefault(what, rows.start + int(np.argmax(bad)))
            good[rows] &= ~bad
    found = [
        problem(f"{share(number, len(responses))} hold {what}, the first is event {first[what]}; {REFUSED}")
        for what, number in odd.items()
        if number
    ]
    return good, found


def response_findings(responses: Responses) -> Iterator[Finding]:
    """What is unusual about counts that are finite and not negative."""
    fractional = saturated = empty = dim = 0
    integer = responses.dtype.kind in "iu"
    largest = np.iinfo(responses.dtype).max if integer else np.inf
    for rows in slabs(responses):
        part = responses[rows].reshape(rows.stop - rows.start, -1)
        sums = part.sum(axis=1, dtype=np.float64)
        empty += int((sums == 0).sum())
        dim += int(((sums > 0) & (sums < FEWEST_PHOTONS)).sum())
        saturated += int((part == largest).any(axis=1).sum()) if integer else 0
        fractional += 0 if integer else int((part != np.floor(part)).any(axis=1).sum())
    number = len(responses)
    if saturated:
        yield problem(
            f"{share(saturated, number)} reach {largest:,}, the most that {responses.dtype} holds: counts beyond it "
            "are lost; write the file with a wider dtype"
        )
    if fractional:
        yield note(
            f"{share(fractional, number)} hold fractional counts; they are used as they are, but counts are whole: "
            "models with whole photons and counts of lit pixels presume it"
        )
    if empty == number:
        yield problem("all responses are empty; there is nothing to learn")
    elif empty:
        yield note(f"{share(empty, number)} are empty; published ZDC data keep {FEWEST_PHOTONS} photons and more")
    if dim:
        yield note(f"{share(dim, number)} sum to less than {FEWEST_PHOTONS}, which the published ZDC data leave out")
