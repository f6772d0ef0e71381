"""`zoo run`."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

DESCRIPTION = """\
Train, checkpoint and evaluate a recipe.

The run lives in RUNS/<recipe>/<id>/: recipe.toml (resolved), metrics.jsonl, checkpoints/, result.json, plots/.
The same command continues an unfinished run, in the same bits as if it had never stopped, and shows a finished one.
Ctrl-C, SIGTERM and SIGUSR1 save a checkpoint and stop; a second Ctrl-C stops at once.
"""

EPILOG = """\
examples:
  zoo run recipes/zp_fm.toml
  zoo run recipes/zp_fm.toml --time-limit 10m
  zoo run recipes/zp_fm.toml --set train.batch_size=128 --set train.optimizer.learning_rate=1e-3
  zoo run recipes/zp_fm.toml --set data.path=my_events/
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
    parser.add_argument("--new", action="store_true", help="start another run even if one can be continued")
    parser.set_defaults(verb=run)


def run(options: argparse.Namespace) -> int:
    """Run it."""
    from zoo.cli.display import display
    from zoo.recipe.load import load_recipe
    from zoo.report.tables import result_table
    from zoo.runner.run import RunOptions
    from zoo.runner.run import run as run_recipe
    from zoo.runner.signals import Interrupted
    from zoo.runner.time_limit import parse_duration

    limit = parse_duration(options.time_limit) if options.time_limit else None
    path = Path(options.recipe)
    loaded = load_recipe(
        path / "recipe.toml" if (path / "recipe.toml").is_file() else options.recipe, options.overrides
    )
    chosen = RunOptions(runs=options.runs, time_limit=limit, run_id=options.id, new=options.new)
    with display() as shown:
        try:
            directory = run_recipe(loaded, chosen, shown)
        except Interrupted as stopped:
            command = shlex.join(["zoo", *(sys.argv[1:] if sys.argv[1:] else ["run", options.recipe])])
            shown.message(f"{stopped}; everything is saved. Continue with:\n  {command.replace(' --new', '')}")
            return 128 + stopped.number
    result = directory.result()
    print(result_table(result))
    print(f"result   {directory.result_file}\nplots    {directory.plots}")
    return 0 if result["converged"] else 1
