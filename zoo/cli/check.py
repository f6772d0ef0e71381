"""`zoo check`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zoo.cli.options import add_json, add_overrides, add_verb

if TYPE_CHECKING:
    from zoo.recipe.schema import Recipe
    from zoo.recipe.sweep import LoadedSweep

DESCRIPTION = """\
Check recipes without running them: every problem of every file, one line each,
with the nearest valid name. Of a sweep every member is checked.

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
    from zoo.recipe.resolved import digest
    from zoo.recipe.sweep import LoadedSweep, load_experiment

    loaded = load_experiment(file, overrides)
    about = {"recipe": loaded.name, "file": str(loaded.path)}
    if isinstance(loaded, LoadedSweep):
        return {**about, "digest": loaded.digest, "members": _members(file, loaded, build=build)}
    return {**about, "digest": digest(loaded.recipe), **(_built(loaded.recipe, file) if build else {})}


def _members(file: str, sweep: LoadedSweep, *, build: bool) -> list[dict[str, Any]]:
    from zoo.errors import RecipeError
    from zoo.recipe.resolved import digest

    reports, problems = [], []
    for member in sweep.members:
        try:
            built = _built(member.recipe, f"{file}: {member.label}") if build else {}
            reports.append({"label": member.label, "digest": digest(member.recipe), **built})
        except RecipeError as error:
            problems += error.problems
    if problems:
        raise RecipeError(problems)
    return reports


def _built(recipe: Recipe, origin: str) -> dict[str, Any]:
    from zoo.errors import ComponentError, RecipeError
    from zoo.schemes.model import parameter_counts
    from zoo.shelf.structure import abstract_models

    try:
        models = abstract_models(recipe)
    except ComponentError as error:
        raise RecipeError([f"{origin}: {error}"]) from error
    parameters = {stage: parameter_counts(model.scheme) for stage, model in models.items()}
    return {
        "parameters": parameters,
        "total": sum(count for networks in parameters.values() for count in networks.values()),
    }


def _lines(report: dict[str, Any]) -> list[str]:
    from zoo.report.rounding import count
    from zoo.report.text import listing

    if "members" in report:
        rows = [(each["label"], f"{each['total']:,} parameters") for each in report["members"] if "total" in each]
        many = count(len(report["members"]), "recipe")
        return [f"{report['file']}: good, a sweep of {many}", *(listing(rows) if rows else [])]
    if "parameters" not in report:
        return [f"{report['file']}: good"]
    rows = []
    for stage, networks in report["parameters"].items():
        rows.append((f"stage {stage}", f"{sum(networks.values()):,} parameters"))
        rows += [(f"  {network}", f"{number:,}") for network, number in networks.items()]
    return [f"{report['file']}: good, {report['total']:,} parameters", *listing(rows)]
