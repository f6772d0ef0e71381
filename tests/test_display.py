"""What a watcher sees: the warning signs of every player, for any scheme, within the terminal."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pytest
from rich.console import Console

from zoo.cli.display import Bar, Board, Lines
from zoo.cli.numbers import in_brief, in_groups

ADVERSARIAL = {
    "critic/loss": 1.3812,
    "critic/penalty": 0.25,
    "critic/accuracy_real": 0.93,
    "critic/accuracy_fake": 0.88,
    "critic/gradient_norm": 12.3456,
    "maker/gradient_norm": 0.5,
    "maker/adversarial_loss": 0.69,
    "validation wasserstein": 84.4,
    "validation mae": 90.0,
}


def test_every_player_has_a_line_with_its_warning_signs():
    assert in_groups(ADVERSARIAL) == [
        "validation: wasserstein 84.4  mae 90",
        "critic: loss 1.381  accuracy real 0.93  fake 0.88  gradient norm 12.35  penalty 0.25",
        "maker: adversarial loss 0.69  gradient norm 0.5",
    ]


def test_a_single_player_is_not_named():
    assert in_groups({"gradient_norm": 2.0, "loss": 0.5}) == ["loss 0.5  gradient norm 2"]
    assert in_groups({}) == []
    assert in_groups({"loss": float("nan")}) == ["loss nan"]


@pytest.mark.parametrize(("numbers", "brief"), [(ADVERSARIAL, "wasserstein 84.4"), ({"loss": 1.0}, ""), ({}, "")])
def test_a_finished_bar_keeps_what_matters(numbers: Mapping[str, float], brief: str):
    assert in_brief(numbers) == brief


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_board_stays_within_the_terminal(width: int):
    screen = io.StringIO()
    board = Board(Console(file=screen, width=width, force_terminal=True, color_system=None, legacy_windows=False))
    bar = Bar(board)
    bar.begin("train main", 100)
    bar.advance(40, ADVERSARIAL)
    with board.console.capture() as captured:
        board.console.print(board.get_renderable())
    lines = captured.get().splitlines()
    assert len(lines) == 4
    assert all(len(line) <= width for line in lines)
    assert lines[0].startswith("train main")
    assert lines[1].startswith("  validation: wasserstein 84.4")
    assert lines[2].startswith("  critic: loss 1.381  accuracy real")
    if width == 80:
        assert "fake 0.88  gradient norm 12.35" in lines[2]
    bar.end()
    bar.begin("evaluate", 10)
    with board.console.capture() as captured:
        board.console.print(board.get_renderable())
    assert len(captured.get().splitlines()) == 2


def test_plain_lines_say_everything(capsys: pytest.CaptureFixture[str]):
    lines = Lines()
    lines.begin("train main", 10)
    lines.advance(4, ADVERSARIAL)
    lines.advance(10, ADVERSARIAL)
    lines.end()
    first, last = capsys.readouterr().err.splitlines()
    assert first == "train main: 0/10"
    assert last.startswith("train main: 10/10  0:00 elapsed, 0:00 left  validation: wasserstein 84.4")
    for words in ("accuracy real 0.93  fake 0.88", "gradient norm 12.35", "maker: adversarial loss 0.69"):
        assert words in last
