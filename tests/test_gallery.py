"""`zoo report`: pages that say what the cards say, hold together and need no network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from card_shelf import card, put
from processes import loaded_by

from zoo.cli.main import main
from zoo.report.gallery.site import write_gallery
from zoo.report.gallery.templates import NONE
from zoo.shelf.card import all_cards

Capture = pytest.CaptureFixture[str]

PICTURE = b"not really a picture"
ALL = {"examples.png": PICTURE, "channels.png": PICTURE, "learning.png": PICTURE}
HOSTILE = "<script>alert(1)</script>"


FURTHER = {
    "unit": "MIP",
    "metrics": {
        "wasserstein": {"mean": 141.5, "std": 0.0},
        "ring_distance": {"mean": 1.625, "std": 0.25, "about": "between rings.", "published_as": "ring"},
        "absent_one": {"about": "of nothing."},
    },
    "floor": {"random_halves": {"wasserstein": {"mean": 168.0, "std": 2.0}, "ring_distance": {"mean": 0.875}}},
    "published": {"source": "another paper", "metrics": {"ring": 4.01}},
    "timing": {"device": "cpu", "seconds_10240": {"seconds": 3.0, "batch": 512}},
}
"""A card with metrics of its detector's own and without a noise floor."""


class Page(HTMLParser):
    """What a page refers to, its ids and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.ids, self.references = path, [], []
        self.tags: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "src", "xlink:href") and value is not None:
                self.references.append(value)
            elif value is not None:
                self.references += [f"#{target}" for target in re.findall(r"url\(#([^)]+)\)", value)]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shelf")
    fast = {"wasserstein": {"mean": 31.5, "std": 0.5}}
    put(root, card("good"), ALL)
    put(root, card("fast", time_per_sample_ms=0.031, metrics=fast, timing={}), ALL)
    put(root, card("both_worse", time_per_sample_ms=9.5, metrics=fast, timing={}))
    put(root, card("sums", target="channels", time_per_sample_ms=0.5, stages={"main": {"steps": 0, "seconds": 3.0}}))
    put(root, card("lost", converged=False, reason="the loss was not finite", scheme=HOSTILE), ALL)
    put(root, card("other", detector="focal_h", data={"origin": "elsewhere"}, **FURTHER), ALL)
    put(root, card("untimed", detector="zp", time_per_sample_ms=0, metrics={}, floor={}))
    put(root, card("newer", schema_version=10**6))
    put(root, card("odd", stages={"main": 3}))
    (root / "checkpoints" / "fast" / "examples.png").write_bytes(b"something else")
    (root / "checkpoints" / "good" / "learning.png").unlink()
    return root


@pytest.fixture(scope="module")
def gallery(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "gallery"
    cards = [found for found in all_cards(shelf) if found.shelf.root == shelf]
    assert set(write_gallery(folder, cards)) == {"good", "fast", "both_worse", "sums", "lost", "other", "untimed"}
    return folder


def pages(gallery: Path) -> Iterator[Page]:
    for path in gallery.rglob("*.html"):
        yield Page(path)


def row(page: Page, name: str) -> list[str]:
    """The cells of a model's line in a leaderboard."""
    line = re.search(rf'<tr>\s*<th scope="row">(?:(?!</tr>).)*>{name}</a>.*?</tr>', page.path.read_text(), re.DOTALL)
    assert line is not None
    return re.findall(r"<td[^>]*>(.*?)</td>", line.group())


def test_every_link_leads_somewhere(gallery: Path):
    """A walk from page to page, files and anchors, without a network."""
    followed, anchors = set(), {page.path: set(page.ids) for page in pages(gallery)}
    for page in pages(gallery):
        for reference in page.references:
            parts = urlsplit(reference)
            if parts.scheme == "data":
                continue
            assert not parts.scheme, reference
            assert not parts.netloc, reference
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            assert target.is_file(), f"{page.path.name}: {reference}"
            assert target.is_relative_to(gallery.resolve())
            if parts.fragment:
                assert parts.fragment in anchors[target], f"{page.path.name}: {reference}"
            followed.add(target)
    everything = {path.resolve() for path in gallery.rglob("*") if path.is_file()}
    assert everything - followed <= {(gallery / "index.html").resolve()}


def test_every_model_has_a_page_that_the_first_one_leads_to(gallery: Path):
    references = Page(gallery / "index.html").references
    models = {path.name for path in (gallery / "models").iterdir()}
    assert models == {f"{name}.html" for name in ("good", "fast", "both_worse", "sums", "lost", "other", "untimed")}
    assert all(f"models/{model}" in references for model in models)


def test_nothing_comes_from_the_network(gallery: Path):
    for path in [*gallery.rglob("*.html"), *gallery.rglob("*.css"), *gallery.rglob("*.js")]:
        assert not re.search(r"(?:src|href)=\W?https?:|url\(\W?https?:|@import|fetch\(", path.read_text())


def test_ids_are_there_once(gallery: Path):
    for page in pages(gallery):
        assert len(page.ids) == len(set(page.ids)), page.path


def test_a_leaderboard_says_what_the_cards_say(gallery: Path):
    page = Page(gallery / "index.html")
    ours, floor, in_floors, mae, rmse, time, parameters, scheme, *published = row(page, "good")
    assert (ours, floor, in_floors) == ("4.25 ± 0.13", "2.000 ± 0.050", "2.12")
    assert (mae, rmse, time, parameters) == ("21.5", NONE, "7.25", "12,345")
    assert scheme == "flow matching"
    assert published == ["1.27", "16.99", "0.46"]
    assert row(page, "other")[-3:] == [NONE, NONE, NONE]


def test_models_are_compared_only_on_the_same_events(gallery: Path):
    page = Page(gallery / "index.html")
    assert {"zn-sample-zn", "focal-h-elsewhere", "zp-sample-zn"} <= set(page.ids)
    board = page.path.read_text().split('<section id="focal-h-elsewhere">')[1].split("</section>")[0]
    assert "models/other.html" in board
    assert "models/good.html" not in board
    assert "no noise floor" in board


def test_the_picture_links_every_model_that_has_a_place_in_it(gallery: Path):
    text = (gallery / "index.html").read_text()
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == 4, "two widths of two pictures: without a time there is none"
    for drawing in drawings[:2]:
        titles = re.findall(r'<a href="models/(\w+).html"><title>([^<]*)</title>', drawing)
        assert {name for name, _ in titles} == {"good", "fast", "both_worse", "sums", "lost"}
        assert dict(titles)["good"] == "good: 4.25 photons, 7.25 ms on cpu: a processor, 2 threads"
        assert "noise floor: GEANT to itself, 2.00" in drawing
        assert "lost (diverged)" in drawing
        assert "<style" not in drawing
        assert "#1a1a1a" not in drawing, "colours are the page's"


def test_a_page_says_how_to_use_and_cite_the_model(gallery: Path):
    text = Page(gallery / "models" / "good.html").text
    assert "zoo sample good --particles" in text
    assert 'zoo.load("good")' in text
    assert "title = {A <b>title</b> & more}" in text
    assert '# what to expect: <nothing> & "more"' in text
    assert "a paper, table 1 (other data)" in text
    assert "no like-for-like comparison" in text
    assert "cpu: a processor, 2 threads" in text


def test_further_metrics_and_other_units_are_shown(gallery: Path):
    text = re.sub(r"\s+", " ", Page(gallery / "models" / "other.html").text)
    assert "ring distance 1.62 ± 0.25" in text or "ring distance1.62 ± 0.25" in text
    assert "between rings." in text
    assert "ring 4.01" in text
    assert "random halves of GEANT" in text
    assert "MIPs" in text
    assert "photon" not in text
    assert "MIP sum" in text
    assert "random halves of GEANT, 168" in (gallery / "index.html").read_text()


def test_what_was_not_kept_is_said(gallery: Path):
    assert "The picture is missing from the shelf." in Page(gallery / "models" / "good.html").text
    assert "The picture is altered since it was published" in Page(gallery / "models" / "fast.html").text
    assert not (gallery / "files" / "fast" / "examples.png").exists()
    text = Page(gallery / "models" / "both_worse.html").text
    assert text.count("The picture is not kept for this model.") == 3
    sums = Page(gallery / "models" / "sums.html")
    assert "examples" not in sums.ids
    assert "Fitted at once" in sums.text
    assert "A model of channel sums has no pixels." in sums.text


def test_a_diverged_model_says_so(gallery: Path):
    assert "The training diverged: the loss was not finite." in Page(gallery / "models" / "lost.html").text


def test_cards_that_cannot_be_used_are_named(gallery: Path):
    text = (gallery / "index.html").read_text()
    assert "newer</code>: card of schema 1000000" in text
    assert "odd</code>: damaged card" in text


def test_what_a_card_says_is_text(gallery: Path):
    for page in pages(gallery):
        assert HOSTILE not in page.path.read_text()
        assert page.tags.count("script") == 1
    assert HOSTILE in Page(gallery / "models" / "lost.html").text
    assert "<b>title" not in (gallery / "models" / "good.html").read_text()


def test_a_gallery_is_replaced_and_nothing_else(shelf: Path, tmp_path: Path, monkeypatch, capsys: Capture):
    monkeypatch.setenv("ZOO_HOME", str(shelf))
    out = tmp_path / "mine"
    assert main(["report", "--out", str(out), "other"]) == 0
    assert "1 model)" in capsys.readouterr().out
    assert main(["report", "--out", str(out), "both_w*"]) == 0
    assert [path.name for path in (out / "models").iterdir()] == ["both_worse.html"]
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "index.html").write_text("mine")
    capsys.readouterr()
    assert main(["report", "--out", str(precious), "other"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert (precious / "index.html").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "precious"]


def test_an_empty_shelf_is_a_gallery_too(tmp_path: Path):
    assert write_gallery(tmp_path / "out", []) == []
    assert "The shelf is empty" in Page(tmp_path / "out" / "index.html").text


def test_it_needs_no_jax(shelf: Path, tmp_path: Path):
    arguments = ["report", "--out", str(tmp_path / "out"), "sums", "--registry", str(shelf)]
    assert loaded_by(arguments, ("jax", "equinox", "scipy")) == []
