"""The pictures of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.detectors.detector import Detector
from zoo.report.data.channels import sums_figure
from zoo.report.data.columns import columns_figure
from zoo.report.data.diversity import diversity_figure
from zoo.report.data.embeddings import embeddings_figure
from zoo.report.examples import responses_figure
from zoo.report.rounding import count
from zoo.report.style import save, zoo_style


def draw_data(
    folder: Path, detector: Detector, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> list[Path]:
    """Draw what there is to draw, as PNG files written aside and then renamed.

    `columns.png`, `sums.png`, and where the data allow it `responses.png`, `diversity.png`, `embeddings.png`.

    Args:
        folder: where the files go; made if need be.
        detector: of the data.
        document: the description's; without `counts` there is nothing to draw.
        arrays: the description's.

    Returns:
        The files written.
    """
    if "counts" not in document:
        return []
    counts = document["counts"]
    title = f"{detector.title}: {_name(document['source'])}"
    words = f"{count(counts['events'], 'event')}  ·  {count(counts['particles'], 'particle')}"
    written = []
    with zoo_style():
        if document["columns"]:
            written.append(save(columns_figure(title, words, document["columns"]), folder / "columns.png"))
        figure = sums_figure(title, words, detector, document["photon_sum"], document["channels"])
        written.append(save(figure, folder / "sums.png"))
        if document["diversity"] is not None:
            shown = arrays["spread_particles"]
            energy = detector.column(shown, "energy") if "energy" in detector.column_names else None
            pdg = np.rint(detector.pdg(shown)) if document["species"] else None
            at_least = f"at least {document['diversity']['minimum_events']} responses to each particle shown"
            figure = diversity_figure(title, f"{words}  ·  {at_least}", document, arrays["spread"], energy, pdg)
            written.append(save(figure, folder / "diversity.png"))
        if "examples" in arrays:
            means = [("mean", arrays["example_means"])] if "example_means" in arrays else []
            rows = [*means, *(("single" if means else "response", single) for single in arrays["examples"])]
            brightest = arrays["examples"].max(axis=(0, 2, 3))
            figure = responses_figure(title, words, detector, rows, arrays["example_particles"], brightest)
            written.append(save(figure, folder / "responses.png"))
        figure = embeddings_figure(title, words, document, arrays)
        if figure is not None:
            written.append(save(figure, folder / "embeddings.png"))
    return written


def _name(source: str) -> str:
    """Short enough for a headline."""
    path = Path(source)
    return path.name if path.is_absolute() else source
