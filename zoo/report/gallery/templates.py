"""The templates of the pages, and the words and numbers they are filled with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from zoo import __version__
from zoo.report.gallery.entry import Entry, Measured
from zoo.report.gallery.kept import PICTURES, RECIPE, Kept
from zoo.report.gallery.pareto import readable
from zoo.report.gallery.pixels import colour_scale
from zoo.report.published import METRICS, OTHER_DATA
from zoo.report.rounding import count, duration, number, span, whole, with_spread
from zoo.report.tables import OBSERVABLES, SPREADS, of_unit

FOLDER = Path(__file__).parent / "pages"

ASSETS = (FOLDER / "gallery.css", FOLDER / "gallery.js")
"""What the pages share."""

GENERATOR = '<meta name="generator" content="calozoo'
"""By which a gallery is known as one."""

NONE = "\N{EN DASH}"
"""In place of a number that a card does not have."""


class Pages:
    """Fills templates; everything that comes from a card is escaped."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True, auto_reload=False,
        )  # fmt: skip
        self._templates.filters |= {
            "number": _number,
            "measured": _measured,
            "interval": _interval,
            "whole": lambda value: NONE if value is None else f"{value:,}",
            "duration": lambda seconds: NONE if seconds is None else duration(seconds),
            "figure": lambda value: NONE if value is None else f"{value:,g}",
            "count": count,
            "total": whole,
            "readable": readable,
            "svg": Markup,
        }
        self._templates.globals |= {
            "version": __version__,
            "metrics": METRICS,
            "observables": OBSERVABLES,
            "spreads": SPREADS,
            "of_unit": of_unit,
            "colour_scale": colour_scale(),
            "other_data": OTHER_DATA.replace("this run", "the zoo's"),
        }

    def index(self, boards: Sequence[Any], entries: Sequence[Entry], problems: Mapping[str, str]) -> str:
        """The first page: a leaderboard with its picture for every detector and origin of events."""
        newest = max((str(entry.card.table.get("created", "")) for entry in entries), default="")
        return self._templates.get_template("index.html").render(
            boards=boards, models=len(entries), newest=newest, problems=problems, root="."
        )

    def model(self, entry: Entry, files: Mapping[str, Kept]) -> str:
        """The page of one model."""
        recipe = files[RECIPE]
        text = "" if recipe.path is None else recipe.path.read_text(encoding="utf-8")
        return self._templates.get_template("model.html").render(
            model=entry,
            card=entry.card.table,
            files=files,
            pictures=PICTURES,
            recipe=recipe,
            recipe_text=text,
            root="..",
        )


def _number(value: float | None) -> str:
    return NONE if value is None else number(value)


def _measured(found: Measured | None) -> str:
    return NONE if found is None else with_spread(found.mean, found.std)


def _interval(found: Measured | None) -> str:
    return NONE if found is None or found.interval is None else span(*found.interval)
