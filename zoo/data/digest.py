"""Are these the very events a model was trained on?"""

from __future__ import annotations

import hashlib

import numpy as np

from zoo.data.events import Events


def data_digest(events: Events) -> str:
    """sha256 over dtype, shape and bytes of counts and particles."""
    sha = hashlib.sha256()
    for array in (events.counts, events.particles):
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).view(np.uint8).data)
    return sha.hexdigest()
