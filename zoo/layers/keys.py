"""Keys for networks whose number of layers follows from their config."""

from __future__ import annotations

from collections.abc import Iterator

import jax

from zoo.typing import Key


def endless(key: Key) -> Iterator[Key]:
    """Independent keys, one after the other."""
    while True:
        key, one = jax.random.split(key)
        yield one
