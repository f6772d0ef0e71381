"""How far the centre of a response's signal is from where its particle should have hit (schemes 10)."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from jaxtyping import Array, Bool, Float

AnyArray = TypeVar("AnyArray", Array, np.ndarray)
"""Of the host or of the device."""

EMPTY = 1e-6
"""Signal below which a response has no centre of mass."""


def centre_of_mass(
    images: Float[AnyArray, "B H W"], *, least: float = EMPTY
) -> tuple[Float[AnyArray, "B 2"], Bool[AnyArray, " B"]]:
    """((row, column) weighted by signal, whether there is one), in pixels, whose centres lie at whole numbers.

    An image with less signal than `least` has no centre: what stands for it is finite and without meaning, and so are
    its gradients.

    Args:
        images: signal, never negative; floating point, of NumPy or JAX.
        least: signal, above zero.
    """
    namespace = images.__array_namespace__()
    total = images.sum(axis=(1, 2))
    rows, columns = images.sum(axis=2), images.sum(axis=1)
    # No matrix products, whose precision is low on a GPU.
    places = [(sums * namespace.arange(sums.shape[1])).sum(axis=1) for sums in (rows, columns)]
    return namespace.stack(places, axis=-1) / namespace.maximum(total, least)[:, None], namespace.greater_equal(
        total, least
    )


def positional_distances(
    images: Float[AnyArray, "B H W"], points: Float[AnyArray, "B 2"], *, least: float = EMPTY
) -> tuple[Float[AnyArray, " B"], Bool[AnyArray, " B"]]:
    """(|rows| + |columns| from point to centre of mass in pixels, whether there is such a distance), image by image.

    There is none for an image with less signal than `least` and for a point that is not finite: zero stands for it,
    with zero gradients.

    Args:
        images: signal, never negative; floating point, of NumPy or JAX.
        points: (row, column), as `Detector.impact` gives them.
        least: signal, above zero; the larger, the gentler the gradients of faint images.
    """
    namespace = images.__array_namespace__()
    centres, known = centre_of_mass(images, least=least)
    known = known & namespace.isfinite(points).all(axis=1)
    points = namespace.where(known[:, None], points, 0.0)
    return namespace.where(known, namespace.abs(centres - points).sum(axis=1), 0.0), known
