"""The gallery as a folder of files that a browser opens without a server or a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ZooError
from zoo.report.gallery.entry import Entry
from zoo.report.gallery.groups import Group, groups
from zoo.report.gallery.kept import PICTURES, RECIPE, Kept, kept
from zoo.report.gallery.pareto import TALL, WIDE, devices, pareto_figure, readable, save_pareto
from zoo.report.gallery.quoted import Quoted, quoted
from zoo.report.gallery.svg import Link, inline_svg
from zoo.report.gallery.templates import ASSETS, GENERATOR, Pages
from zoo.report.gallery.tried import Tried, tried
from zoo.report.rounding import number
from zoo.report.style import zoo_style
from zoo.shelf.card import Card
from zoo.shelf.files import replace_folder


@dataclass(frozen=True)
class Board:
    """A leaderboard with its pictures."""

    group: Group
    wide: str
    tall: str
    picture: str | None
    """Address of the PNG of the picture."""
    devices: Sequence[str]
    quoted: Quoted | None
    """What the zoo measured beside a paper's own metrics."""
    tried: Tried | None
    """Responses of the models to the same particles."""
    examples: Kept | None
    """Responses of the best model, for where there are none of the others beside them."""


def write_gallery(folder: Path, cards: Iterable[Card]) -> list[str]:
    """Write the pages aside, then put them in place; a gallery that is there already is replaced.

    `index.html`, a page per model in `models/`, what was kept of each in `files/`, `pictures/` and the style.

    Args:
        folder: where; made if need be.
        cards: the models; one whose card cannot be used is named on the first page with what is wrong.

    Returns:
        The names of the models that have a page.

    Raises:
        ZooError: the folder holds something else, or cannot be written.
    """
    if folder.exists() and not _is_gallery(folder):
        raise ZooError(f"{folder}: holds something else than a gallery; name a folder that is new or empty")
    aside = folder.resolve().with_name(f".{folder.resolve().name}.{os.getpid()}.tmp")
    try:
        aside.mkdir(parents=True)
        names = _fill(aside, list(cards))
        replace_folder(folder.resolve(), aside)
    except OSError as error:
        raise ZooError(f"{folder}: the gallery cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return names


def _is_gallery(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    page = folder / "index.html"
    return GENERATOR in page.read_text("utf-8", "replace") if page.is_file() else not any(folder.iterdir())


def _fill(folder: Path, cards: Sequence[Card]) -> list[str]:
    pages, problems = Pages(), {card.name: card.problem for card in cards if card.problem is not None}
    entries = []
    for entry in (Entry(card) for card in cards if card.problem is None):
        files = {name: kept(entry.card, name) for name in (*PICTURES, RECIPE)}
        try:
            page = pages.model(entry, files)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            problems[entry.name] = f"damaged card: it cannot be shown ({error})"
            continue
        entries.append(entry)
        _write(folder / "models" / f"{entry.name}.html", page)
        for file in files.values():
            if file.path is not None:
                _copy(file.path, folder / "files" / entry.name / file.name)
    boards = [_board(group, folder) for group in groups(entries)]
    _write(folder / "index.html", pages.index(boards, entries, problems))
    for asset in ASSETS:
        _copy(asset, folder / asset.name)
    return [entry.name for entry in entries]


def _board(group: Group, folder: Path) -> Board:
    inline = {}
    with zoo_style():
        for name, (width, height) in {"wide": WIDE, "tall": TALL}.items():
            figure = pareto_figure(group.entries, width=width, height=height)
            if figure is None:
                continue
            words = f"Distance to GEANT against time per response of the models of {group.detector}"
            inline[name] = inline_svg(figure, f"{group.slug}-{name}", words, dict(_links(group)))
    picture = save_pareto(group.entries, folder / "pictures" / f"{group.slug}.png")
    examples = None if group.best is None else kept(group.best.card, "examples.png")
    known = [readable(device) for device in devices(group.entries)]
    return Board(
        group,
        inline.get("wide", ""),
        inline.get("tall", ""),
        picture and picture.relative_to(folder).as_posix(),
        known,
        quoted(group.entries),
        tried(group),
        examples,
    )


def _links(group: Group) -> Iterable[tuple[str, Link]]:
    for entry in group.drawn:
        distance, time = entry.metric("wasserstein"), entry.milliseconds
        assert distance is not None
        assert time is not None
        words = f"{entry.name}: {number(distance.mean)} {entry.unit}s, {number(time)} ms on {readable(entry.device)}"
        link = Link(f"models/{entry.name}.html", words)
        yield f"model-{entry.name}", link
        yield f"name-{entry.name}", link


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
