"""`zoo run`."""

from __future__ import annotations

import argparse
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.runner.run_directory import RunDirectory
    from zoo.runner.sweep_directory import SweepDirectory

DESCRIPTION = """\
Train, checkpoint and evaluate a recipe.

The run lives in RUNS/<recipe>/<id>/: recipe.toml (resolved), metrics.jsonl, checkpoints/, result.json, plots/.
The same command continues an unfinished run, in the same bits as if it had never stopped, and shows a finished one.
A stage that another run trained already, with the same seed and events, is taken over from there.
Ctrl-C, SIGTERM and SIGUSR1 save a checkpoint and stop; a second Ctrl-C stops at once.

A recipe with a [sweep] table is run once for each of its members, in RUNS/<recipe>/<id>/<member>/, and ends with one
table (sweep.json) and one plot (sweep.png). A time limit is shared equally among the members.

The exit code is 1 if the training did not converge; of a sweep, if none of its members did.
"""

EPILOG = """\
examples:
  zoo run recipes/zp_fm.toml
  zoo run recipes/zp_fm.toml --time-limit 10m
  zoo run recipes/zp_fm.toml --set train.batch_size=128 --set train.optimizer.learning_rate=1e-3
  zoo run recipes/zp_fm.toml --set data.path=my_events/
  zoo run recipes/zn_fm.toml --set 'sweep.model.scheme.sampler.steps=[5, 11, 25]'
  zoo run runs/zp_fm/001
"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = verbs.add_parser(
        "run",
        help="train, checkpoint and evaluate a recipe",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recipe", help="a TOML file, the name of a shipped recipe, or a run directory")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override a key of the recipe, e.g. train.epochs=5; VALUE is a TOML value, a bare word is a string",
    )
    parser.add_argument(
        "--time-limit", metavar="DURATION", help="train only as many epochs as fit into 90s, 10m, 2h, ... in all"
    )
    parser.add_argument("--runs", default="runs", type=Path, metavar="DIR", help="folder of all runs (default: runs)")
    parser.add_argument("--id", metavar="ID", help="name of the run directory (default: a number)")
    parser.add_argument(
        "--new",
        action="store_true",
        help="start another run from nothing, even if one can be continued or a trained stage taken over",
    )
    parser.set_defaults(verb=run)


def run(options: argparse.Namespace) -> int:
    """Run it."""
    from zoo.cli.display import display
    from zoo.recipe.sweep import LoadedSweep, load_experiment
    from zoo.runner.run import RunOptions
    from zoo.runner.run import run as run_recipe
    from zoo.runner.signals import Interrupted
    from zoo.runner.sweep import run_sweep
    from zoo.runner.time_limit import parse_duration

    limit = parse_duration(options.time_limit) if options.time_limit else None
    loaded = load_experiment(_file(options.recipe), options.overrides)
    chosen = RunOptions(runs=options.runs, time_limit=limit, run_id=options.id, new=options.new)
    with display() as shown:
        try:
            if isinstance(loaded, LoadedSweep):
                report = partial(_report_sweep, run_sweep(loaded, chosen, shown))
            else:
                report = partial(_report, run_recipe(loaded, chosen, shown))
        except Interrupted as stopped:
            command = shlex.join(["zoo", *(sys.argv[1:] if sys.argv[1:] else ["run", options.recipe])])
            shown.message(f"{stopped}; everything is saved. Continue with:\n  {command.replace(' --new', '')}")
            return 128 + stopped.number
    return report()


def _file(recipe: str) -> str | Path:
    """What to load: the file in a directory of a run or sweep, or what was given."""
    inside = (Path(recipe) / name for name in ("recipe.toml", "sweep.toml"))
    return next((file for file in inside if file.is_file()), recipe)


def _report(directory: RunDirectory) -> int:
    from zoo.report.tables import result_table

    result = directory.result()
    print(result_table(result))
    print(f"result   {directory.result_file}\nplots    {directory.plots}")
    return 0 if result["converged"] else 1


def _report_sweep(directory: SweepDirectory) -> int:
    from zoo.cli.table import print_table
    from zoo.report.sweep_rows import sweep_columns, sweep_notes

    result = directory.result()
    print_table(result["recipe"], *sweep_columns(result), sweep_notes(result))
    print(f"result   {directory.result_file}\nplot     {directory.plot}\nmembers  {directory.path}/")
    return 0 if any(member["converged"] for member in result["members"]) else 1
