"""The whole description of a data set: a document for programs, and arrays for pictures."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from zoo.data.events import Events as Rows
from zoo.data.unchecked import Unchecked
from zoo.detectors.detector import Detector
from zoo.evaluation.description.channels import channels, photons
from zoo.evaluation.description.columns import columns
from zoo.evaluation.description.counts import counts
from zoo.evaluation.description.diversity import diversity, summary_of
from zoo.evaluation.description.duplicates import duplicate_findings
from zoo.evaluation.description.embeddings import (
    brightest,
    enough,
    event_points,
    installed,
    local_channels,
    particle_points,
    principal,
)
from zoo.evaluation.description.examples import examples
from zoo.evaluation.description.finding import Finding, problem
from zoo.evaluation.description.importances import importances
from zoo.evaluation.description.measured import Measured
from zoo.evaluation.description.particles import finite, particle_findings
from zoo.evaluation.description.responses import possible, response_findings
from zoo.evaluation.description.shapes import shape_findings
from zoo.evaluation.description.species import species
from zoo.evaluation.description.use import use_findings
from zoo.evaluation.floor import noise_floor

FLOOR_EVENTS = 20_000
"""Events of the test split that the floor is measured with, at most."""

EXTRA = "pip install 'calozoo[classical]'"

Begin = Callable[[str], None]
"""Told the name of what is done next."""


@dataclass(frozen=True, eq=False)
class Description:
    """What is known of a data set."""

    document: dict[str, Any]
    """Plain values. `findings` are there for any two arrays, the rest only where they fit a detector."""
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    """For the pictures: `examples` and those of `_embedded`."""


def describe(data: Unchecked, detector: Detector, begin: Begin, *, pictures: bool) -> Description:
    """Check a data set and describe the events that can be used.

    Args:
        data: any two arrays.
        detector: what they are meant for.
        begin: is told what is done.
        pictures: also make the arrays that only pictures need.
    """
    begin("checks")
    document: dict[str, Any] = {"source": data.origin, "detector": detector.name, "unit": detector.unit}
    document["shape"] = list(data.responses.shape)
    found = shape_findings(data.responses, data.particles, detector)
    if found:
        return Description({**document, **_said(found)})
    particles = data.particles.astype(np.float64)
    good, wrong = possible(data.responses)
    aimed, more = finite(particles, detector)
    found += [*wrong, *more]
    usable = good & aimed
    if not usable.any():
        return Description({**document, **_said([*found, problem("no event can be used")])})
    responses = data.responses if usable.all() else data.responses[usable]
    rows = Rows(responses, particles[usable], data.origin)
    measured = Measured.of(rows.counts, rows.particles, detector)
    split, use = use_findings(rows, detector)
    found += [*response_findings(rows.counts), *particle_findings(rows.particles, detector)]
    found += [*duplicate_findings(rows.counts, measured.events.groups), *use]
    document |= {**_said(found), "dtype": str(data.responses.dtype), "refused": int((~usable).sum())}

    begin("species and diversity")
    spreads = diversity(measured)
    document |= {
        "counts": counts(measured),
        "species": species(measured, spreads),
        "columns": columns(measured),
        "photon_sum": photons(measured),
        "channels": channels(measured),
        "diversity": summary_of(spreads, measured),
        "importances": None,
        "left_out": [],
        "split": None,
        "floor": None,
    }
    if split is not None:
        begin("noise floor")
        parts = {"train": split.train, "validation": split.validation, "test": split.test}
        document["split"] = {name: len(part) for name, part in parts.items()}
        test = rows[split.test[:FLOOR_EVENTS]]
        document["floor"] = noise_floor(test.counts, test.particles, measured.events.readout)
    if importlib.util.find_spec("sklearn") is None:
        document["left_out"].append(f"feature importances and t-SNE: scikit-learn is not installed: {EXTRA}")
    elif document["diversity"] is not None:
        begin("feature importances")
        own = spreads.groups
        document["importances"] = importances(measured.unique[own], measured.names, spreads.measure)
    arrays: dict[str, np.ndarray] = {"spread": spreads.measure, "spread_particles": measured.unique[spreads.groups]}
    if pictures:
        arrays |= examples(measured) | _embedded(measured, document, begin)
    return Description(document, arrays)


def _said(findings: list[Finding]) -> dict[str, Any]:
    order = sorted(findings, key=lambda finding: finding.kind != "problem")
    return {"findings": [asdict(finding) for finding in order]}


def _embedded(measured: Measured, document: dict[str, Any], begin: Begin) -> dict[str, np.ndarray]:
    """Maps `embedding/<what>/<method>` (n, 2), and per point `species/<what>` and `brightest/<what>`.

    `<what>` is `particles` (different ones) or `channels` (events, by their channel sums). The numbers of points and
    the variance along the principal components go into the document.
    """
    arrays: dict[str, np.ndarray] = {}
    kinds = {"particles": particle_points}
    if "channels" in measured.events.observed:
        kinds["channels"] = event_points
    document["embeddings"] = {}
    for what, points in kinds.items():
        chosen, table = points(measured)
        if not enough(table):
            continue
        begin(f"maps of {what}")
        arrays[f"embedding/{what}/PCA"], explained = principal(table)
        for name, make in installed().items():
            begin(f"{name} of {what}, {len(table):,} points")
            arrays[f"embedding/{what}/{name}"] = make(table)
        among = len(measured.unique) if what == "particles" else len(measured)
        document["embeddings"][what] = {"points": len(table), "of": among, "explained": explained.tolist()}
        if measured.pdg is not None:
            owner = measured.unique if what == "particles" else measured.particles
            arrays[f"species/{what}"] = np.rint(measured.detector.pdg(owner[chosen])).astype(np.int64)
        if what == "channels" and len(local_channels(measured.detector.readout)) > 1:
            arrays[f"brightest/{what}"] = brightest(measured, chosen)
    return arrays
