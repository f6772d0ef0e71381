"""`zoo data`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.options import add_json, add_overrides, add_verb, at_least

if TYPE_CHECKING:
    from zoo.cli.display import Bar, Lines
    from zoo.data.unchecked import Unchecked
    from zoo.detectors.detector import Detector
    from zoo.evaluation.description.describe import Description

DESCRIPTION = """\
Describe a data set as the papers do, and say what about it will not work and
why. Without SOURCE: what is shipped.

SOURCE is the shipped sample of a detector (zn), a recipe or its shipped name
(its [data] and detector), or a folder with a pair of npz files; or the pair is
named by --responses and --particles. Responses are (N, rows, columns), or
channel sums (N, channels). The detector is told from their shape; --detector
where several fit.

On the terminal: counts, species, particle columns and which of them drive the
diversity, channels, problems. With --out pictures too, and data.json. The exit
code is 1 if there is a problem.
"""

EPILOG = """\
examples:
  zoo data
  zoo data zn --out zn_data/
  zoo data my_events/ --detector zn
  zoo data --responses zp_responses.npz --particles zp_particles.npz --json
  zoo data zn_fm --set data.path=my_events/ --set data.vertex_unit=m
"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "data", "describe a data set, find what is wrong with it", DESCRIPTION, EPILOG, run)
    parser.add_argument("source", nargs="?", metavar="SOURCE", help="a shipped sample, a recipe, or a folder")
    parser.add_argument("--responses", type=Path, metavar="FILE.npz", help="responses, instead of SOURCE")
    parser.add_argument("--particles", type=Path, metavar="FILE.npz", help="the particles of these responses")
    parser.add_argument("--detector", metavar="D", help="the detector of files of your own")
    parser.add_argument("--events", type=at_least(1), metavar="N", help="only the first N events")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write pictures and data.json there")
    add_overrides(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Describe it, or list what is shipped."""
    from zoo.cli.data_source import check_combination, opened
    from zoo.cli.display import display

    check_combination(options)
    if options.source is None and options.responses is None:
        return _list(options.json)
    with display() as shown:
        data, detector = opened(options)
        description = _described(data.first(options.events), detector, options.out, shown)
    document = description.document
    if options.json:
        import json

        print(json.dumps(document, indent=2))
    else:
        _print(document)
        if options.out is not None:
            print(f"\npictures  {options.out}/\ndocument  {options.out / 'data.json'}")
    return int(any(finding["kind"] == "problem" for finding in document["findings"]))


def _described(data: Unchecked, detector: Detector, out: Path | None, shown: Bar | Lines) -> Description:
    """Describe the data, and write the files."""
    from zoo.evaluation.description.describe import describe

    if out is not None:
        _check_target(out)
    steps = Steps(shown)
    description = describe(data, detector, steps.begin, pictures=out is not None)
    if out is not None:
        import json

        from zoo.report.data.draw import draw_data

        steps.begin("pictures")
        out.mkdir(parents=True, exist_ok=True)
        (out / "data.json").write_text(json.dumps(description.document, indent=2) + "\n", encoding="utf-8")
        draw_data(out, detector, description.document, description.arrays)
    steps.end()
    return description


class Steps:
    """Shows one step after the other, each for as long as it takes."""

    def __init__(self, shown: Bar | Lines) -> None:
        self._shown, self._begun = shown, False

    def begin(self, name: str) -> None:
        """The step before is over."""
        self.end()
        self._shown.begin(name, 1)
        self._begun = True

    def end(self) -> None:
        """The last step is over."""
        if self._begun:
            self._shown.advance(1, {})
            self._shown.end()
        self._begun = False


def _check_target(out: Path) -> None:
    from zoo.errors import ZooError

    if out.exists() and not out.is_dir():
        raise ZooError(f"--out {out}: is not a folder")


def _print(document: dict[str, Any]) -> None:
    from zoo.cli.table import print_table
    from zoo.report.data.tables import channels_table, columns_table, findings, overview, species_table

    print("\n".join(overview(document)))
    if "counts" in document:
        tables = [columns_table(document)]
        if document["species"]:
            tables.insert(0, species_table(document["species"], document["unit"]))
        if document["channels"]:
            tables.append(channels_table(document["channels"], document["unit"]))
        for table in tables:
            print()
            print_table(*table)
    print()
    print("\n".join(findings(document)))


def _list(as_json: bool) -> int:
    from zoo.cli.columns import columns
    from zoo.cli.data_source import shipped_samples

    samples = shipped_samples()
    if as_json:
        import json

        print(json.dumps(samples, indent=2))
        return 0
    rows = [
        (sample["name"], sample["detector"], " x ".join(map(str, sample["shape"])), f"{sample['events']:,}",
         f"{sample['particles']:,}") for sample in samples
    ]  # fmt: skip
    print("\n".join(columns(("name", "detector", "pixels", "events", "particles"), rows, "<<>>>")))
    print(f"\nGEANT 3.21; the data card is {samples[0]['card']}.\n`zoo data NAME --out DIR` describes one of them.")
    return 0
