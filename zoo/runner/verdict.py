"""Did a stage come to something? The verdict over its validations, as `result.json` gives it.

A validation is bad if generated responses are not finite, if they are empty (a fiftieth of GEANT's photons or less), if
they are all alike whatever the particle and the noise (a fiftieth of GEANT's spread or less), or if they are worse than
none: further from GEANT in the Wasserstein distance than empty responses.

Bad validations at the end of a training make a verdict

* at once where responses are not finite: there is nothing to evaluate;
* from the third on where they are empty or all alike and were not before, or where they are worse than none and a
  validation before came at least halfway from empty responses to GEANT: something was learnt, and is lost;
* from the tenth on otherwise, if the second half of them brought next to nothing better than the first.

So an untrained network, a slow start, a short run, and a lapse that training recovers from make none. A verdict never
ends a training, since adversarial players may come back; only a loss or gradient that is not finite does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RELAPSE = 3
"""Bad validations at the end that make a verdict after a good one."""

HOPELESS = 10
"""Bad validations at the end that make a verdict where there was no good one."""

NOTHING = 0.02
"""Photons or spread, over GEANT's, that count as none."""

PROGRESS = 0.02
"""What the distance must fall by, over what it was, to count as better."""

HALFWAY = 0.5
"""Distance, over that of empty responses, from which down a validation is good."""

NOT_FINITE, EMPTY, ALIKE, FAR = "not finite", "empty", "all alike", "further from GEANT than empty ones"
"""What generated responses can be, the gravest first."""

Validation = Mapping[str, Any]
"""A `validation` line of the journal; numbers that were not finite are None."""


@dataclass(frozen=True)
class Verdict:
    """Why a stage did not converge."""

    step: int
    """The training step that it dates from."""
    reason: str
    """In a few words, with the step."""
    ended: bool = False
    """The training could not go on."""


def not_finite(step: int) -> Verdict:
    """The verdict on a training step whose loss or gradient is not finite."""
    return Verdict(step, f"loss or gradient not finite at step {step}", ended=True)


def verdict(validations: Sequence[Validation], silence: float) -> Verdict | None:
    """The verdict on a stage that generates responses; None where there is nothing to object to.

    Args:
        validations: of the stage, in order, with `step`, `wasserstein`, `photons` and `spread`.
        silence: Wasserstein distance of empty responses, photons.
    """
    complaints = [_complaint(line, silence) for line in validations]
    if not complaints or complaints[-1] is None:
        return None
    reason = complaints[-1]
    others = (NOT_FINITE,) if reason == NOT_FINITE else (NOT_FINITE, EMPTY, ALIKE, FAR)
    begun = max((number + 1 for number, complaint in enumerate(complaints) if complaint not in others), default=0)
    distances = [_distance(line) for line in validations]
    was_good = min(distances[:begun], default=math.inf) <= (HALFWAY * silence if reason == FAR else math.inf)
    if reason != NOT_FINITE and not _is_lasting(distances[begun:], was_good=begun > 0 and was_good):
        return None
    step = validations[begun]["step"]
    return Verdict(step, f"generated responses are {reason} since step {step}")


def _complaint(line: Validation, silence: float) -> str | None:
    """What a validation is bad for, the gravest first."""
    if line["wasserstein"] is None:
        return NOT_FINITE
    for name, complaint in (("photons", EMPTY), ("spread", ALIKE)):
        value = line.get(name)
        if value is not None and value <= NOTHING:
            return complaint
    return FAR if line["wasserstein"] > silence else None


def _distance(line: Validation) -> float:
    return math.inf if line["wasserstein"] is None else line["wasserstein"]


def _is_lasting(tail: Sequence[float], *, was_good: bool) -> bool:
    """Whether the bad validations at the end are enough for a verdict, given their distances."""
    if was_good:
        return len(tail) >= RELAPSE
    half = len(tail) // 2
    return len(tail) >= HOPELESS and min(tail[half:]) >= (1.0 - PROGRESS) * min(tail[:half])
