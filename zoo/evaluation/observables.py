"""What is measured of every single response: channel sums and a few numbers that see the picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Shaped

from zoo.errors import DataError

Responses: TypeAlias = Shaped[np.ndarray, "n H W"] | Shaped[np.ndarray, "n R"]
"""Photons per pixel, or channel sums only; any integer or float dtype."""

Readout: TypeAlias = Bool[np.ndarray, "R H W"]
"""Masks of the readout channels, disjoint and covering every pixel."""

Observed: TypeAlias = dict[str, Float[np.ndarray, "n ..."]]
"""Observable to its value per event: `channels` (n, R) and the `SCALARS` (n,), as far as they can be seen."""

SCALARS = ("photon_sum", "lit_pixels", "brightest_pixel", "centroid_row", "centroid_column")
"""Observables with one number per event: photons, pixels, photons, pixels, pixels."""

LIT = 0.5
"""A pixel is lit from here on: the count rounds to at least one photon."""

BLOCK_VALUES = 1 << 21
"""Values that are held in float64 at a time (16 MiB)."""


def observe(responses: Responses, readout: Readout | None, *, what: str = "responses") -> Observed:
    """The observables of every response, in float64.

    Responses of shape (n, H, W) give all `SCALARS`, and `channels` if there is a readout. Channel sums of shape (n, R)
    give `channels` and `photon_sum` only.

    The centroid is the photon-weighted mean of the row and column indices. A response without any photon has none; it
    is put at the centre of the grid, ((H-1)/2, (W-1)/2), where it weighs least on the distribution.

    Args:
        responses: photons; not negative.
        readout: masks of the channels, or None for a detector without channels.
        what: the name of the array in messages.

    Raises:
        DataError: a shape, dtype or value that cannot be a response.
    """
    check_shape(responses, readout, what)
    if responses.ndim == 2:
        channels = np.concatenate([block for _, block in blocks(responses, what)])
        return {"channels": channels, "photon_sum": channels.sum(axis=1)}
    masks = None if readout is None else readout.reshape(len(readout), -1).T.astype(np.float64)
    parts = [_observe_block(block, masks) for _, block in blocks(responses, what)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _observe_block(block: Float[np.ndarray, "n H W"], masks: Float[np.ndarray, "HW R"] | None) -> Observed:
    events, height, width = block.shape
    rows, columns = block.sum(axis=2), block.sum(axis=1)
    total = rows.sum(axis=1)
    dark = total == 0
    weight = np.where(dark, 1.0, total)
    observed = {
        "photon_sum": total,
        "lit_pixels": np.count_nonzero(block >= LIT, axis=(1, 2)).astype(np.float64),
        "brightest_pixel": block.max(axis=(1, 2)),
        "centroid_row": np.where(dark, (height - 1) / 2, rows @ np.arange(height) / weight),
        "centroid_column": np.where(dark, (width - 1) / 2, columns @ np.arange(width) / weight),
    }
    if masks is not None:
        observed["channels"] = block.reshape(events, -1) @ masks
    return observed


def blocks(responses: Responses, what: str = "responses") -> Iterator[tuple[slice, Float[np.ndarray, "n ..."]]]:
    """A few hundred responses at a time as float64, to be read only, with the rows they came from.

    Raises:
        DataError: a value that is negative or not finite.
    """
    for rows in slabs(responses):
        block = np.asarray(responses[rows], dtype=np.float64)
        if not (block.min() >= 0 and block.max() < np.inf):
            event, *place = np.argwhere(~((block >= 0) & (block < np.inf)))[0]
            value = block[(event, *place)]
            raise DataError(f"{what}: event {rows.start + event} holds {value}; counts are finite and not negative")
        yield rows, block


def slabs(responses: Responses, number: int | None = None) -> Iterator[slice]:
    """Consecutive rows of `responses`, or of `number` rows picked from them, that fit into memory as float64."""
    number = len(responses) if number is None else number
    step = max(1, BLOCK_VALUES // math.prod(responses.shape[1:]))
    for start in range(0, number, step):
        yield slice(start, min(start + step, number))


def check_shape(responses: Responses, readout: Readout | None, what: str = "responses") -> None:
    """Refuse what is not an array of responses that fits the readout.

    Raises:
        DataError: no events, a dtype that holds no numbers, or a shape that fits neither pixels nor channels.
    """
    if responses.dtype.kind not in "buif":
        raise DataError(f"{what}: dtype {responses.dtype} holds no counts; integers or floats are expected")
    shape = " x ".join(map(str, responses.shape))
    if responses.ndim not in (2, 3) or 0 in responses.shape:
        raise DataError(f"{what}: shape {shape}; at least one event of H x W pixels or R channel sums is expected")
    if readout is None:
        return
    channels, height, width = readout.shape
    if responses.shape[1:] not in ((height, width), (channels,)):
        raise DataError(f"{what}: shape {shape}; an event has {height} x {width} pixels or {channels} channel sums")
