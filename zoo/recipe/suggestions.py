"""The nearest valid word to a mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """Candidates that may have been meant, best first: by similarity, then by a common beginning.

    A common beginning counts where it is at least three letters and half of the shorter word.
    """
    by_lower: dict[str, str] = {}
    for candidate in candidates:
        by_lower.setdefault(candidate.lower(), candidate)
    lower = word.lower().replace("-", "_")
    found = difflib.get_close_matches(lower, by_lower, n=limit, cutoff=0.6)
    beginnings = sorted(by_lower, key=lambda candidate: -_common(lower, candidate))
    found += [candidate for candidate in beginnings if candidate not in found and _begins_alike(lower, candidate)]
    return [by_lower[candidate] for candidate in found[:limit]]


def similarity(word: str, candidate: str) -> float:
    """How alike two words are, 0 to 1."""
    return difflib.SequenceMatcher(None, word.lower().replace("-", "_"), candidate.lower()).ratio()


def _common(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((number for number, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _begins_alike(one: str, other: str) -> bool:
    common = _common(one, other)
    return common >= 3 and 2 * common >= min(len(one), len(other))
