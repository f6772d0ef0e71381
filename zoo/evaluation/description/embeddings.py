"""Maps of particles and of channel sums onto a plane."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from zoo.evaluation.description.diversity import SEED
from zoo.evaluation.description.measured import Measured

POINTS = 3000
"""Points of a map at most, drawn at random."""

FEWEST = 10
"""Points of a map at least."""

PERPLEXITY = 30.0

Plane = Float[np.ndarray, "n 2"]


def standardised(table: Float[np.ndarray, "n F"]) -> Float[np.ndarray, "n F"]:
    """Columns with mean 0 and standard deviation 1; constant ones are left out."""
    varied = table[:, table.min(axis=0) < table.max(axis=0)]
    return (varied - varied.mean(axis=0)) / varied.std(axis=0)


def particle_points(measured: Measured) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n F"]]:
    """Numbers of different particles and their standardised condition columns."""
    chosen = _drawn(len(measured.unique))
    return chosen, standardised(measured.unique[chosen][:, : len(measured.detector.columns)])


def event_points(measured: Measured) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n R"]]:
    """Numbers of events and their standardised ln(1 + channel sums)."""
    chosen = _drawn(len(measured))
    return chosen, standardised(np.log1p(measured.events.observed["channels"][chosen]))


def _drawn(number: int) -> Int[np.ndarray, " n"]:
    if number <= POINTS:
        return np.arange(number)
    return np.sort(np.random.default_rng(SEED).choice(number, POINTS, replace=False))


def principal(table: Float[np.ndarray, "n F"]) -> tuple[Plane, Float[np.ndarray, " 2"]]:
    """The two principal components and the share of the variance along each."""
    centred = table - table.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, :2] * singular[:2], singular[:2] ** 2 / (singular**2).sum()


def neighbours(table: Float[np.ndarray, "n F"]) -> Plane:
    """t-SNE of scikit-learn, perplexity 30.

    In one thread: its threads wait for each other a thousand times, busily, and take longer together wherever something
    else is running.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(PERPLEXITY, (len(table) - 1) / 3)
    with threadpool_limits(1):
        return TSNE(perplexity=perplexity, init="pca", random_state=SEED).fit_transform(table).astype(np.float64)


def manifold(table: Float[np.ndarray, "n F"]) -> Plane:
    """UMAP of umap-learn, by its defaults."""
    import umap  # pyright: ignore[reportMissingImports]

    with warnings.catch_warnings():
        # It tells that a fixed seed means a single thread.
        warnings.simplefilter("ignore")
        reducer = umap.UMAP(random_state=SEED, n_neighbors=min(15, len(table) - 1))
        return np.asarray(reducer.fit_transform(table), np.float64)


def installed() -> Mapping[str, Callable[[Any], Plane]]:
    """Name to map, of those that need an extra and have it."""
    known = {"t-SNE": ("sklearn", neighbours), "UMAP": ("umap", manifold)}
    return {name: make for name, (module, make) in known.items() if importlib.util.find_spec(module) is not None}


def enough(table: Float[np.ndarray, "n F"]) -> bool:
    """Whether there is a plane to map the points onto."""
    return len(table) >= FEWEST and table.shape[1] >= 2


def local_channels(readout: Bool[np.ndarray, "R H W"]) -> Int[np.ndarray, " q"]:
    """Channels (from 0) that see only a part of the face: the quadrants of a ZDC, not the sum of all its odd fibres."""
    local = [not (mask.any(axis=0).all() and mask.any(axis=1).all()) for mask in readout]
    return np.flatnonzero(local)


def brightest(measured: Measured, chosen: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """The local channel (from 1) with most photons of every chosen event; 0 where they are all dark."""
    local = local_channels(measured.detector.readout)
    sums = measured.events.observed["channels"][chosen][:, local]
    return np.where(sums.max(axis=1) > 0, local[sums.argmax(axis=1)] + 1, 0)
