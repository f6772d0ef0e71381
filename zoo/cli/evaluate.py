"""`zoo evaluate`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.options import add_json, add_registry, add_verb, at_least

if TYPE_CHECKING:
    from zoo.data.events import Events
    from zoo.detectors.detector import Detector
    from zoo.shelf.surrogate import Surrogate

DESCRIPTION = """\
Compare generated responses with simulated ones, by the papers' protocol and
beside the noise floor of the data.

With NAME alone a model is evaluated on the test split of the data its recipe
names; with --responses and --particles on those events. With --generated no
model is needed: responses made elsewhere are judged, of shape (N, rows,
columns) or (repeats, N, rows, columns), where row i answers the particle of
simulated event i; or their channel sums, (N, channels) or (repeats, N,
channels).
"""

EPILOG = """\
examples:
  zoo evaluate zp_fm
  zoo evaluate zp_fm --responses zp_responses.npz --particles zp_particles.npz --events 2000 --json
  zoo evaluate --generated mine.npz --responses zp_responses.npz --particles zp_particles.npz --detector zp
"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "evaluate", "compare responses with simulated ones", DESCRIPTION, EPILOG, run)
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a model on the shelf, or the directory of a finished run"
    )
    parser.add_argument("--generated", type=Path, metavar="FILE.npz", help="responses made elsewhere, instead of NAME")
    parser.add_argument("--responses", type=Path, metavar="FILE.npz", help="simulated responses")
    parser.add_argument("--particles", type=Path, metavar="FILE.npz", help="the particles of these responses")
    parser.add_argument("--detector", metavar="D", help="the detector, with --generated")
    parser.add_argument("--repeats", type=at_least(1), metavar="K", help="responses generated per particle")
    parser.add_argument("--events", type=at_least(2), metavar="N", help="only the first N events")
    add_registry(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Evaluate, and print the table."""
    _check_combination(options)
    document = _elsewhere(options) if options.generated else _model(options)
    if options.json:
        import json

        print(json.dumps(document, indent=2))
    else:
        from zoo.report.tables import result_table

        print(f"{result_table(document)}\nevents   {document['data']['origin']}")
    return 0


def _check_combination(options: argparse.Namespace) -> None:
    from zoo.errors import ZooError

    if (options.name is None) == (options.generated is None):
        raise ZooError("evaluate: give either NAME or --generated FILE.npz")
    if (options.responses is None) != (options.particles is None):
        raise ZooError("evaluate: --responses and --particles belong together")
    if options.generated is None and options.detector is not None:
        raise ZooError(f"evaluate: --detector goes with --generated; {options.name} has its own")
    if options.generated is not None:
        missing = [name for name in ("responses", "detector") if getattr(options, name) is None]
        if missing:
            raise ZooError(f"evaluate: --generated needs --{' and --'.join(missing)}")
        if options.repeats is not None:
            raise ZooError("evaluate: --repeats goes with NAME; a file of generated responses has as many as it has")


def _model(options: argparse.Namespace) -> dict[str, Any]:
    from zoo.cli.display import display
    from zoo.evaluation.timing import device_description
    from zoo.recipe.load import with_values
    from zoo.runner.assess import assess, timing
    from zoo.runner.environment import enable_compilation_cache
    from zoo.runner.paper_timing import paper_timing
    from zoo.runner.result import result
    from zoo.runner.signals import StopRequest
    from zoo.runner.streams import stream
    from zoo.shelf.load import load

    surrogate = load(options.name, options.registry)
    values = {"evaluate.repeats": options.repeats, "evaluate.events": options.events}
    recipe = with_values(surrogate.recipe, {key: value for key, value in values.items() if value is not None})
    if options.responses is not None and options.events is None:
        recipe = with_values(recipe, {"evaluate.events": None})
    enable_compilation_cache()
    key = stream(recipe.seed, "evaluation")
    with display() as shown:
        test, data = _events(options, surrogate, shown.message)
        found, _ = assess(surrogate.generator(), surrogate.detector, test, recipe.evaluate, key, shown, StopRequest())
    times = None
    if recipe.evaluate.timing:
        times = timing(surrogate.generator(), surrogate.generator(1), test, key)
        times |= paper_timing(recipe.published, times, surrogate.generator, test, key)
    stages = surrogate.about.get("stages", {})
    return result(surrogate.name, recipe, stages, found, times, device_description(), data)


def _events(options: argparse.Namespace, surrogate: Surrogate, say: Any) -> tuple[Events, dict[str, Any]]:
    """The events to evaluate on, and where they come from."""
    from zoo.data.digest import data_digest
    from zoo.data.splits import split_events

    if options.responses is not None:
        events = _read(options, surrogate.detector)
        return events, {"origin": events.origin, "events": len(events), "sha256": data_digest(events)}
    source = surrogate.recipe.data
    events = source.events(surrogate.detector)
    sha256 = data_digest(events)
    known = (surrogate.about.get("data") or {}).get("sha256")
    if known not in (None, sha256):
        say("these are not the events the model was trained with; some of them may have been trained on")
    rows = split_events(events, source.split).test
    data = {"origin": events.origin, "events": len(events), "test": len(rows), "split": source.split, "sha256": sha256}
    return events[rows], data


def _read(options: argparse.Namespace, detector: Detector) -> Events:
    from zoo.data.events import Events, check_pair
    from zoo.data.sources.npz import read_particles, read_responses

    particles = read_particles(options.particles, detector)
    counts = read_responses(options.responses, detector)
    check_pair(counts, particles, str(options.responses))
    return Events(counts, particles, str(options.responses))


def _elsewhere(options: argparse.Namespace) -> dict[str, Any]:
    """Judge arrays alone."""
    from zoo.cli.detectors import named_detector
    from zoo.data.archive import read_array
    from zoo.evaluation.metrics.metric import build_metrics
    from zoo.evaluation.protocol import evaluate_arrays

    detector = named_detector(options.detector)
    events = _read(options, detector)
    generated = read_array(options.generated)
    readout = detector.readout if len(detector.readout) else None
    if options.events is not None:
        repeated = generated.shape[1:] not in (detector.shape, (len(detector.readout),))
        generated = generated[:, : options.events] if repeated else generated[: options.events]
        events = events[: options.events]
    metrics = build_metrics(None, detector)
    found = evaluate_arrays(events.counts, events.particles, readout, generated, metrics=metrics)
    return {
        "recipe": options.generated.name,
        "detector": detector.name,
        "unit": detector.unit,
        "metrics": found["metrics"],
        "floor": found["floor"],
        "evaluated": {key: found[key] for key in ("events", "particles", "repeats")},
        "data": {"origin": events.origin, "events": len(events)},
    }
