"""Where the arrays of a run live."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax


def placed(tree: Any) -> Any:
    """The tree with its arrays (NumPy or JAX) committed to the run's device.

    XLA compiles a second program when an argument changes from uncommitted to committed, as a fresh state does after
    its first step and a restored one is from the start.
    """
    device = jax.devices()[0]
    return jax.tree.map(lambda leaf: jax.device_put(leaf, device) if eqx.is_array_like(leaf) else leaf, tree)
