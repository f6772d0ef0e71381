"""Which particle columns drive the diversity: importances of a random forest."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from zoo.evaluation.description.diversity import SEED

TREES = 500

FEWEST = 20
"""Particles a forest is grown from, at least."""


def importances(
    particles: Float[np.ndarray, "D P"],
    names: tuple[str, ...],
    measure: Float[np.ndarray, " D"],
) -> dict[str, Any] | None:
    """Share of the variance of a diversity that every column accounts for, as in the thesis (500 trees, seed 42).

    The thesis grows trees on events, which repeat their particle; here every particle stands once, so that `r2` can
    tell how well those are predicted that a tree has not seen. Near or below 0, the importances mean nothing. None for
    too few particles, or all of them equally diverse.

    Args:
        particles: different particles.
        names: their columns.
        measure: diversity of each.
    """
    from sklearn.ensemble import RandomForestRegressor

    if len(particles) < FEWEST or measure.min() == measure.max():
        return None
    forest = RandomForestRegressor(TREES, random_state=SEED, oob_score=True)
    forest.fit(particles, measure)
    shares = forest.feature_importances_.tolist()
    return {
        "features": dict(zip(names, shares, strict=True)),
        "r2": float(forest.oob_score_),
        "trees": TREES,
        "particles": len(particles),
    }
