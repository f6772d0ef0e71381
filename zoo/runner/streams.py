"""One seed, many independent random streams."""

from __future__ import annotations

from zlib import crc32

import jax

from zoo.typing import Key


def stream(seed: int, *names: str) -> Key:
    """The random key of a named stream; adding a stream never shifts another."""
    key = jax.random.key(seed)
    for name in names:
        key = jax.random.fold_in(key, crc32(name.encode()))
    return key


def stream_number(*names: str) -> int:
    """The same naming for generators on the host."""
    return crc32("/".join(names).encode())
