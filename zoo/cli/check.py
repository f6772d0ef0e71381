"""`zoo check`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zoo.cli.options import add_json, add_overrides, add_verb

if TYPE_CHECKING:
    from zoo.recipe.load import LoadedRecipe

DESCRIPTION = """\
Check recipes without running them: every problem of every file, one line each,
with the nearest valid name.

With --build every stage is built as well, without weights, data or compilation,
and its parameters are counted.
"""

EPILOG = """\
examples:
  zoo check recipes/*.toml
  zoo check recipes/zp_fm.toml --set train.epochs=5
  zoo check --build --json recipes/zp_fm.toml
"""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "check", "check recipes, count parameters", DESCRIPTION, EPILOG, run)
    parser.add_argument("recipes", nargs="+", metavar="FILE", help="a TOML file or the name of a shipped recipe")
    parser.add_argument("--build", action="store_true", help="also build every stage, and count its parameters")
    add_overrides(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Check them all, then report."""
    from zoo.errors import RecipeError

    reports, problems = [], []
    for file in options.recipes:
        try:
            reports.append(_report(file, options.overrides, build=options.build))
        except RecipeError as error:
            problems += error.problems
    if options.json:
        import json

        print(json.dumps(reports, indent=2))
    else:
        for report in reports:
            print("\n".join(_lines(report)))
    if problems:
        raise RecipeError(problems)
    return 0


def _report(file: str, overrides: Sequence[str], *, build: bool) -> dict[str, Any]:
    from zoo.recipe.load import load_recipe
    from zoo.recipe.resolved import digest

    loaded = load_recipe(file, overrides)
    report = {"recipe": loaded.name, "file": str(loaded.path), "digest": digest(loaded.recipe)}
    return report | _built(file, loaded) if build else report


def _built(file: str, loaded: LoadedRecipe) -> dict[str, Any]:
    from zoo.errors import ComponentError, RecipeError
    from zoo.schemes.model import parameter_counts
    from zoo.shelf.structure import abstract_models

    try:
        models = abstract_models(loaded.recipe)
    except ComponentError as error:
        raise RecipeError([f"{file}: {error}"]) from error
    parameters = {stage: parameter_counts(model.scheme) for stage, model in models.items()}
    return {
        "parameters": parameters,
        "total": sum(count for networks in parameters.values() for count in networks.values()),
    }


def _lines(report: dict[str, Any]) -> list[str]:
    from zoo.report.text import listing

    if "parameters" not in report:
        return [f"{report['file']}: good"]
    rows = []
    for stage, networks in report["parameters"].items():
        rows.append((f"stage {stage}", f"{sum(networks.values()):,} parameters"))
        rows += [(f"  {network}", f"{count:,}") for network, count in networks.items()]
    return [f"{report['file']}: good, {report['total']:,} parameters", *listing(rows)]
