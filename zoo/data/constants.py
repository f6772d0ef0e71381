"""Numbers fitted on the training split and stored with the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Constants = Mapping[str, np.ndarray]
"""Name to array, float64 but for large ones; a component's config says which names and shapes it needs (`unfitted`)."""


def prefixed(constants: Constants, prefix: str) -> dict[str, np.ndarray]:
    """The same constants under `prefix/name`."""
    return {f"{prefix}/{name}": value for name, value in constants.items()}


def within(constants: Constants, prefix: str) -> dict[str, np.ndarray]:
    """The constants stored under `prefix/`, by their own names."""
    return {name.removeprefix(f"{prefix}/"): v for name, v in constants.items() if name.startswith(f"{prefix}/")}
