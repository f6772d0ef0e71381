"""The picture of fidelity against time: names that can be read, the front, what tells one picture from another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from card_shelf import card

from zoo.report.gallery.entry import Entry
from zoo.report.gallery.groups import groups
from zoo.report.gallery.labels import covered, place_labels
from zoo.report.gallery.pareto import TALL, WIDE, drawn_digest, pareto_figure, pareto_front
from zoo.report.style import zoo_style
from zoo.shelf.card import Card
from zoo.shelf.shelves import Shelf

FRAME = np.array([0.0, 0.0, 760.0, 400.0])


def entry(name: str, milliseconds: float, distance: float, **changes: object) -> Entry:
    metrics = {"wasserstein": {"mean": distance, "std": 0.1}}
    table = card(name, time_per_sample_ms=milliseconds, metrics=metrics, timing={}, **changes)
    return Entry(Card(name, Shelf(Path()), table))


@pytest.mark.parametrize("seed", range(8))
def test_names_lie_over_nothing(seed: int):
    random = np.random.default_rng(seed)
    points = random.uniform((30, 30), (730, 370), (16, 2))
    # A crowd, as of models that differ in little.
    points[:5] = points[0] + np.outer(np.arange(5), (9.0, 3.0))
    sizes = np.stack([random.uniform(50, 130, 16), np.full(16, 13.0)], axis=1)
    obstacle = np.array([[0.0, 195.0, 760.0, 200.0]])
    boxes = place_labels(points, sizes, FRAME, obstacle, clear=6.0)
    for label, box in enumerate(boxes):
        assert covered(box[None], np.delete(boxes, label, axis=0)) == 0
    assert (covered(boxes, np.concatenate([points - 3, points + 3], axis=1)) == 0).all()
    assert (covered(boxes, obstacle) == 0).all()
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], sizes)
    assert (boxes[:, :2] >= FRAME[:2]).all()
    assert (boxes[:, 2:] <= FRAME[2:]).all()


def test_a_lonely_name_stands_right_of_its_point():
    (box,) = place_labels(np.array([[100.0, 100.0]]), np.array([[60.0, 10.0]]), FRAME, np.zeros((0, 4)), clear=5.0)
    assert box.tolist() == [105.0, 95.0, 165.0, 105.0]


def test_the_front_holds_what_no_other_one_beats_in_both():
    entries = [
        entry("slow_and_close", 50.0, 2.0),
        entry("fast_and_far", 0.5, 20.0),
        entry("beaten", 60.0, 5.0),
        entry("between", 5.0, 8.0),
        entry("sums", 0.01, 1.0, target="channels"),
        entry("diverged", 0.1, 1.0, converged=False),
        entry("untimed", 0.0, 1.0),
    ]
    assert [found.name for found in pareto_front(entries)] == ["fast_and_far", "between", "slow_and_close"]


@pytest.mark.parametrize("size", [WIDE, TALL])
def test_names_of_the_picture_do_not_overlap(size: tuple[float, float]):
    many = [entry(f"a_model_number_{place}", 3.0**place, 4.0 + 0.1 * (place % 3)) for place in range(9)]
    with zoo_style():
        figure = pareto_figure(many, width=size[0], height=size[1])
        assert figure is not None
        texts = [text for text in figure.axes[0].texts if str(text.get_gid()).startswith("name-")]
        boxes = np.array([text.get_window_extent().extents for text in texts])
    assert {text.get_text() for text in texts} == {found.name for found in many}
    for label, box in enumerate(boxes):
        assert covered(box[None], np.delete(boxes, label, axis=0)) == 0


def test_nothing_measured_is_no_picture():
    assert pareto_figure([entry("untimed", 0.0, 1.0)], width=400, height=400) is None


def test_a_picture_knows_the_numbers_it_is_of():
    one, other = entry("one", 1.0, 2.0), entry("other", 1.0, 3.0)
    assert drawn_digest([one, other]) == drawn_digest([other, one])
    assert drawn_digest([one]) != drawn_digest([entry("one", 1.0, 2.5)])
    assert drawn_digest([one]) != drawn_digest([entry("one", 1.0, 2.0, floor={})])
    assert drawn_digest([one]) != drawn_digest([entry("one", 1.0, 2.0, device="gpu: another")])


def test_the_closest_stands_first_and_the_largest_group():
    entries = [entry("far", 1.0, 9.0), entry("alone", 1.0, 1.0, detector="zp"), entry("close", 1.0, 2.0)]
    found = groups(entries)
    assert [[member.name for member in group.entries] for group in found] == [["close", "far"], ["alone"]]
    assert found[0].best is not None
    assert found[0].best.name == "close"
