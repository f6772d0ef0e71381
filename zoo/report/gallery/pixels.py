"""A response as a small picture inside a page: a PNG of a few colours, one pixel per cell, in its address."""

from __future__ import annotations

import base64
import io

import numpy as np
from jaxtyping import Float
from PIL import Image

from zoo.report.examples import COLOURS, DARK, LIT

LEVELS = 40
"""Colours of lit cells: steps that the eye does not see, in a third of the bytes of a full scale."""

_SCALE = COLOURS(np.linspace(0.0, 1.0, LEVELS), bytes=True)[:, :3]

_PALETTE = [*bytes.fromhex(DARK.removeprefix("#")), *_SCALE.reshape(-1).tolist()]


def address(response: Float[np.ndarray, "H W"], brightest: float) -> str:
    """The picture as a data URI, on a logarithmic scale from a single count to the brightest cell.

    Args:
        response: counts, not negative.
        brightest: counts of the brightest colour; more is as bright.
    """
    lit = np.log(np.clip(response, 1.0, brightest)) / np.log(brightest)
    places = np.where(response < LIT, 0, 1 + np.rint((LEVELS - 1) * lit)).astype(np.uint8)
    picture = Image.fromarray(places)
    picture.putpalette(_PALETTE)
    written = io.BytesIO()
    picture.save(written, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"


def colour_scale() -> str:
    """The colours of lit cells, from a single count to the brightest cell, as a gradient of a style sheet."""
    stops = ", ".join(f"#{bytes(colour).hex()}" for colour in _SCALE[:: LEVELS // 8].tolist())
    return f"linear-gradient(to right, {stops})"
