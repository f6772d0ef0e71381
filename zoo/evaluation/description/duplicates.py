"""Events that are there more than once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int

from zoo.evaluation.description.finding import Finding, note, problem, share
from zoo.evaluation.description.responses import FEWEST_PHOTONS
from zoo.evaluation.observables import Responses

BYTES = 16
"""Of the digest that stands for a response."""


def duplicate_findings(responses: Responses, groups: Int[np.ndarray, " N"]) -> Iterator[Finding]:
    """Responses that are equal pixel by pixel; those of a few photons do not count, they may be so by chance."""
    first: dict[bytes, int] = {}
    same = other = 0
    for event, response in enumerate(responses):
        if response.sum(dtype=np.float64) < FEWEST_PHOTONS:
            continue
        digest = hashlib.blake2b(np.ascontiguousarray(response).tobytes(), digest_size=BYTES).digest()
        twin = first.setdefault(digest, event)
        if twin != event:
            same += int(groups[twin] == groups[event])
            other += int(groups[twin] != groups[event])
    kind = problem if responses.ndim == 3 else note
    chance = "" if responses.ndim == 3 else " (a few sums may be equal by chance)"
    if same:
        yield kind(
            f"duplicated rows: {share(same, len(responses))} repeat an earlier response to the same particle{chance}; "
            "the floor comes out too low, and test events are trained on"
        )
    if other:
        yield kind(
            f"{share(other, len(responses))} have the response of another particle{chance}; do the rows of the two "
            "arrays belong together?"
        )
