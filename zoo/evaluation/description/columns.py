"""The particle columns one by one."""

from __future__ import annotations

from typing import Any

from zoo.evaluation.description.measured import Measured
from zoo.evaluation.description.numbers import histogram, summary


def columns(measured: Measured) -> dict[str, Any]:
    """Of every condition column: unit, meaning, numbers and histogram over events."""
    return {
        column.name: {
            "unit": column.unit,
            "meaning": column.meaning,
            **summary(measured.particles[:, number]),
            "histogram": histogram(measured.particles[:, number]),
        }
        for number, column in enumerate(measured.detector.columns)
    }
