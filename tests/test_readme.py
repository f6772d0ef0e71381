"""The README shows the shelf as it is: refresh it by `.venv/bin/python docs/refresh.py`."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from PIL import Image

from zoo.report.gallery.pareto import drawn_digest
from zoo.shelf.card import read_card
from zoo.shelf.shelves import Shelf, clone

ROOT = Path(__file__).parents[1]
COMMAND = ".venv/bin/python docs/refresh.py"

pytestmark = pytest.mark.skipif(not (ROOT / "registry").is_dir(), reason="not a clone")


def _refresh():
    spec = importlib.util.spec_from_file_location("refresh", ROOT / "docs" / "refresh.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


refresh = _refresh()


def test_the_table_is_what_zoo_list_prints():
    text = refresh.README.read_text(encoding="utf-8")
    assert refresh.refreshed(text) == text, f"the README's table is out of date: {COMMAND}"


def test_every_card_has_a_line_with_its_numbers():
    """Whatever the table looks like."""
    lines = {line.split()[0]: line for line in refresh.table().splitlines() if line.strip()}
    shelf = Shelf(clone())
    assert shelf.names()
    for name in shelf.names():
        card = read_card(shelf, name)
        shown = [float(word.replace(",", "")) for word in re.findall(r"(?<=\s)[\d.,]+(?=\s)", lines[name])]
        for keys in (("metrics", "wasserstein", "mean"), ("floor", "repeats", "wasserstein", "mean"), ("parameters",)):
            number = card.number(*keys)
            if number is not None:
                assert any(value == pytest.approx(number, rel=0.01) for value in shown), (name, keys)


def test_the_picture_is_of_the_cards():
    with Image.open(refresh.PICTURE) as picture:
        assert picture.info["Source"] == drawn_digest(refresh.largest().entries), f"out of date: {COMMAND}"


def test_every_picture_and_file_of_the_readme_is_there():
    text = refresh.README.read_text(encoding="utf-8")
    linked = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert "docs/images/shelf.png" in linked
    assert not [target for target in linked if not (ROOT / target).exists()]
