"""Photon sums of the readout channels."""

from __future__ import annotations

from typing import Any

from zoo.evaluation.description.measured import Measured
from zoo.evaluation.description.numbers import photon_histogram, summary


def photons(measured: Measured) -> dict[str, Any]:
    """Numbers and histogram of all photons of an event."""
    total = measured.events.observed["photon_sum"]
    return {**summary(total), "histogram": photon_histogram(total)}


def channels(measured: Measured) -> list[dict[str, Any]]:
    """Of every channel: its number of pixels, numbers and histogram, and the share of events that leave it dark."""
    sums = measured.events.observed.get("channels")
    if sums is None:
        return []
    return [
        {
            "channel": number + 1,
            "pixels": int(mask.sum()),
            "dark": float((sums[:, number] == 0).mean()),
            **summary(sums[:, number]),
            "histogram": photon_histogram(sums[:, number]),
        }
        for number, mask in enumerate(measured.detector.readout)
    ]
