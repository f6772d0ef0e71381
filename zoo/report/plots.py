"""The pictures of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.detectors.detector import Detector
from zoo.report.channels import channels_figure
from zoo.report.clouds import clouds_figure
from zoo.report.codebooks import codebooks_figure
from zoo.report.examples import examples_figure
from zoo.report.learning import learning_figure
from zoo.report.profiles import profiles_figure
from zoo.report.style import save, zoo_style


def draw_run(
    folder: Path,
    detector: Detector,
    result: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    arrays: Mapping[str, np.ndarray],
) -> list[Path]:
    """Draw what there is to draw, as PNG files written aside and then renamed.

    `examples.png` (GEANT and generated responses to the same particles; not for a model of channel sums),
    `channels.png` (distribution of every channel sum; not for a detector without channels), `codebook.png` (how often
    every entry of a codebook is used; for stages that have one), `profiles.png` (mean rows and columns about the
    expected hit) and `clouds.png` (energy of the particle, total signal), both for a detector whose channels tell no
    more than the total, `learning.png` (losses and validation of every stage).

    Args:
        folder: where the files go; made if need be.
        detector: geometry and names of the particle columns.
        result: the run's document; anything in it may be missing.
        lines: the events of `metrics.jsonl`.
        arrays: `true_channels` (N, R), `channels` (repeats, N, R), `true_examples` (E, H, W), `examples`
            (repeats, E, H, W) and `example_particles` (E, P), none of them for a run without generated responses;
            perhaps `true_profiles` (2, K), `profiles` (repeats, 2, K) and `energies` (N,); and
            for stages with a codebook `codebook_STAGE` (K,), how often each entry was chosen.

    Returns:
        The files written.
    """
    title, words = f"{detector.title}: {result.get('recipe') or 'generated responses'}", _words(result)
    written = []
    with zoo_style():
        if "examples" in arrays and arrays["examples"].ndim == 4 and arrays["examples"].shape[1]:
            figure = examples_figure(
                title, words, detector, arrays["true_examples"], arrays["examples"], arrays["example_particles"]
            )
            written.append(save(figure, folder / "examples.png"))
        if "channels" in arrays and arrays["true_channels"].ndim == 2 and arrays["true_channels"].size:
            figure = channels_figure(title, words, detector, result, arrays["true_channels"], arrays["channels"])
            written.append(save(figure, folder / "channels.png"))
        if "profiles" in arrays:
            figure = profiles_figure(title, words, detector, arrays["true_profiles"], arrays["profiles"])
            written.append(save(figure, folder / "profiles.png"))
        if "energies" in arrays:
            totals = arrays["true_channels"].sum(axis=1), arrays["channels"][0].sum(axis=1)
            figure = clouds_figure(title, words, detector, arrays["energies"], *totals)
            written.append(save(figure, folder / "clouds.png"))
        named = {stage: f"codebook_{stage}" for stage in result.get("stages") or {}}
        codebooks = {stage: arrays[name] for stage, name in named.items() if name in arrays}
        if codebooks:
            written.append(save(codebooks_figure(title, words, result, codebooks), folder / "codebook.png"))
        figure = learning_figure(title, words, result, lines)
        if figure is not None:
            written.append(save(figure, folder / "learning.png"))
    return written


def _words(result: Mapping[str, Any]) -> str:
    scheme, parameters = result.get("scheme"), result.get("parameters")
    known = [scheme and scheme.replace("_", " "), parameters and f"{parameters:,} parameters"]
    if result.get("converged") is False:
        known.append("did not converge")
    return "  ·  ".join(word for word in known if word)
