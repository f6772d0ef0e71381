"""`[sweep]`: from one recipe file to the recipes it stands for, and everything that can be wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zoo.cli.main import main
from zoo.errors import RecipeError
from zoo.recipe.load import LoadedRecipe, load_recipe
from zoo.recipe.resolved import digest
from zoo.recipe.sweep import LoadedSweep, changes, load_experiment

BASE = """\
detector = "zn"
[model]
target = { name = "channels", transforms = ["log1p"] }
[model.scheme]
name = "flow_matching"
network = { name = "mlp", width = 16, blocks = 1 }
[train]
epochs = 2
optimizer = { name = "adam", learning_rate = 1e-3, beta1 = 0.7 }
[published]
source = "a paper"
mae = 3
"""

Load = Callable[..., LoadedSweep]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads `swept.toml`, which extends `base.toml` by a text."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.toml").write_text(BASE)

    def loaded(text: str, *overrides: str) -> LoadedSweep:
        (tmp_path / "swept.toml").write_text(f'extends = "base.toml"\n{text}')
        found = load_experiment("swept.toml", overrides)
        assert isinstance(found, LoadedSweep)
        return found

    return loaded


def problems(load: Load, text: str, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        load(text, *overrides)
    return list(caught.value.problems)


def network(member: Any) -> Any:
    return member.recipe.stages["main"].model.scheme.network


def train(member: Any) -> Any:
    return member.recipe.stages["main"].train


@pytest.mark.parametrize(
    "text",
    [
        '[sweep]\n"model.scheme.network.width" = [4, 8]',
        "[sweep]\nmodel.scheme.network.width = [4, 8]",
        "[sweep.model.scheme]\nnetwork = { width = [4, 8] }",
        'sweep."model.scheme".network.width = [4, 8]',
        'sweep."stages.main.model.scheme.network.width" = [4, 8]',
    ],
)
def test_every_way_to_write_a_key_means_the_same(load: Load, text: str):
    sweep = load(text)
    assert [member.label for member in sweep.members] == ["width=4", "width=8"]
    assert [network(member).width for member in sweep.members] == [4, 8]
    assert sweep.values == {f"width={width}": {"model.scheme.network.width": width} for width in (4, 8)}


def test_several_keys_make_a_grid(load: Load):
    sweep = load("[sweep]\nseed = [1, 2]\nmodel.scheme.network.width = [4, 8, 16]")
    assert len(sweep.members) == 6
    assert {(member.recipe.seed, network(member).width) for member in sweep.members} == {
        (seed, width) for seed in (1, 2) for width in (4, 8, 16)
    }
    assert sweep.members[1].label == "seed=1, width=8"
    assert len({member.folder for member in sweep.members}) == 6


def test_a_value_is_laid_over_the_recipe_as_a_child_recipe_is(load: Load):
    sweep = load('[sweep]\ntrain.optimizer = [{ name = "adam", learning_rate = 0.1 }, { name = "nadam", eps = 0.5 }]')
    adam, nadam = (train(member).optimizer for member in sweep.members)
    assert (adam.learning_rate, adam.beta1) == (0.1, 0.7)
    assert (nadam.learning_rate, nadam.beta1, nadam.eps) == (1e-3, 0.9, 0.5)
    assert [member.label for member in sweep.members] == ["optimizer=adam", "optimizer=nadam"]


def test_members_differ_in_several_keys_at_once(load: Load):
    sweep = load(
        '[[sweep.members]]\nlabel = "0.25M"\n"model.scheme.network.width" = 4\n'
        'train.optimizer = { name = "sgd", learning_rate = 1.0 }\n'
        '[[sweep.members]]\nlabel = "1 M, as it is"\n'
    )
    small, same = sweep.members
    assert (small.label, small.folder, same.label, same.folder) == ("0.25M", "0.25M", "1 M, as it is", "1-M-as-it-is")
    assert (network(small).width, train(small).optimizer.component) == (4, "sgd")
    assert same.recipe == load_recipe("base.toml").recipe


def test_members_meet_every_point_of_a_grid(load: Load):
    member = '[[sweep.members]]\nlabel = "{}"\nmodel.scheme.network.width = {}\n'
    sweep = load(f"[sweep]\nseed = [1, 2]\n{member.format('small', 4)}{member.format('large', 8)}")
    assert [(member.label, network(member).width, member.recipe.seed) for member in sweep.members] == [
        ("small, seed=1", 4, 1),
        ("small, seed=2", 4, 2),
        ("large, seed=1", 8, 1),
        ("large, seed=2", 8, 2),
    ]


def test_what_only_the_members_say_need_not_stand_in_the_recipe(load: Load, tmp_path: Path):
    (tmp_path / "base.toml").write_text(BASE.replace("optimizer =", "# optimizer ="))
    sweep = load('[sweep]\ntrain.optimizer = [{ name = "adam", learning_rate = 1.0 }]')
    assert train(sweep.members[0]).optimizer.learning_rate == 1.0


def test_keys_that_end_alike_are_told_apart(load: Load):
    sweep = load("[sweep]\ntrain.optimizer.eps = [0.1]\ntrain.epochs = [3]\nevaluate.events = [5]\ndata.limit = [9]")
    assert sweep.members[0].label == "eps=0.1, epochs=3, events=5, limit=9"
    sweep = load('[sweep]\nmodel.scheme.network.name = ["mlp"]\nmodel.scheme.sampler.name = ["euler", "heun"]')
    assert sweep.members[1].label == "network.name=mlp, sampler.name=heun"


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ("train.ema = [0.9, 0.999]", ["ema=0.9", "ema=0.999"]),
        ("evaluate.timing = [true, false]", ["timing=true", "timing=false"]),
        ('compat = ["clean", "published"]', ["compat=clean", "compat=published"]),
        ("train.optimizer = [{ eps = 1e-3 }, { eps = 1e-4 }]", ["optimizer=1", "optimizer=2"]),
        ("train.optimizer = [{ name = 'adam' }, { name = 'adam', eps = 1.0 }]", ["optimizer=1", "optimizer=2"]),
        ('model.maps = ["impact_maps"]', ["maps=impact_maps"]),
        ("model.target.transforms = [['log1p'], ['log1p', 'standardise']]",
         ["transforms=log1p", "transforms=log1p-standardise"]),
        (f"published = [{{ source = '{'a' * 50}' }}]", ["published=1"]),
    ],
)  # fmt: skip
def test_labels_say_what_is_swept(load: Load, values: str, labels: list[str]):
    assert [member.label for member in load(f"[sweep]\n{values}").members] == labels


def test_compat_is_filled_in_member_by_member(load: Load):
    clean, published = load('[sweep]\ncompat = ["clean", "published"]').members
    assert [train(member).schedule_examples for member in (clean, published)] == [None, 214_746]


def test_options_change_the_recipe_and_the_sweep(load: Load):
    text = "[sweep]\nmodel.scheme.network.width = [4, 8]"
    sweep = load(text, "train.epochs=5", "sweep.model.scheme.network.width=[1,2,3]", 'sweep."seed"=[7]')
    assert [(network(member).width, member.recipe.seed) for member in sweep.members] == [(1, 7), (2, 7), (3, 7)]
    assert {train(member).epochs for member in sweep.members} == {5.0}


def test_a_sweep_is_inherited_and_changed_by_a_child(load: Load, tmp_path: Path):
    load("[sweep]\nseed = [1, 2]\nmodel.scheme.network.width = [4]")
    (tmp_path / "child.toml").write_text('extends = "swept.toml"\ndetector = "zp"\n[sweep]\nseed = [3]')
    sweep = load_experiment("child.toml")
    assert isinstance(sweep, LoadedSweep)
    [member] = sweep.members
    assert (member.recipe.detector.component, member.recipe.seed, network(member).width) == ("zp", 3, 4)


def test_an_ordinary_recipe_is_one_recipe(load: Load):
    load("[sweep]\nseed = [1, 2]")
    assert isinstance(load_experiment("base.toml"), LoadedRecipe)
    with pytest.raises(RecipeError, match=r"^swept\.toml:2: sweep: one recipe is needed here, not a sweep$"):
        load_recipe("swept.toml")


VALUES = {
    "seed": st.integers(0, 9),
    "model.scheme.network.width": st.integers(1, 64),
    "model.scheme.sampler": st.sampled_from(["euler", "heun", {"name": "adaptive"}, {"name": "euler", "steps": 3}]),
    "train.optimizer": st.sampled_from([{"name": "adam"}, {"name": "nadam"}, {"name": "sgd", "momentum": 0.3}]),
    "train.optimizer.learning_rate": st.floats(1e-6, 1.0),
    "train.ema": st.floats(0.1, 0.9),
    "train.players": st.sampled_from([{}, {"velocity": {"clip": 1.0}}]),
    "model.scheme.network": st.sampled_from(["mlp", {"name": "mlp", "blocks": 3}]),
    "train.schedule": st.sampled_from(["constant", "one_cycle", {"name": "one_cycle", "div": 2.0}]),
    "compat": st.sampled_from(["clean", "published"]),
    "published": st.sampled_from([{"source": "a", "note": "x"}, {"source": "b", "note": "x"}, {"note": "y", "mae": 1}]),
}


@st.composite
def sweeps(draw: st.DrawFn) -> dict[str, Any]:
    keys = draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True, max_size=4))
    members = [
        {"label": f"member {number}"} | {key: draw(VALUES[key]) for key in keys if draw(st.booleans())}
        for number in range(draw(st.integers(1, 4)))
    ]
    return {"members": members}


@given(sweep=sweeps())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_resolved_sweep_stands_for_equal_recipes(load: Load, sweep: dict[str, Any]):
    import tomli_w

    loaded = load(tomli_w.dumps({"sweep": sweep}))
    Path("again.toml").write_text(loaded.toml())
    again = load_experiment("again.toml")
    assert isinstance(again, LoadedSweep)
    assert [(member.label, member.recipe) for member in again.members] == [
        (member.label, member.recipe) for member in loaded.members
    ]
    assert again.digest == loaded.digest
    assert again.values == loaded.values
    assert changes(loaded, again) == []


def test_the_digest_sees_every_change(load: Load):
    one = load("[sweep]\nseed = [1, 2]")
    assert one.digest == load("[sweep]\nseed = [1, 2]").digest
    others = [
        load("[sweep]\nseed = [2, 1]"),
        load("[sweep]\nseed = [1]"),
        load("[sweep]\nseed = [1, 2]", "data.limit=9"),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 4


def test_changes_say_once_what_changed_in_all_members(load: Load):
    old = load("[sweep]\nseed = [1, 2]")
    assert changes(old, load("[sweep]\nseed = [1, 2]", "train.epochs=9")) == [("train.epochs", 2.0, 9.0)]
    assert changes(old, load("[sweep]\nseed = [1, 3]")) == [
        ("sweep, the members", ["seed=1", "seed=2"], ["seed=1", "seed=3"])
    ]
    member = '[[sweep.members]]\nlabel = "{}"\nseed = {}\n'
    before = load(member.format("a", 1) + member.format("b", 2))
    assert changes(before, load(member.format("a", 1) + member.format("b", 3))) == [("b: seed", 2, 3)]


W, HERE = "model.scheme.network.width", "swept.toml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"[sweep]\n'{W}' = [4, 0]", f"{HERE}:3: sweep.{W}[1] = 0: must be a whole number at least 1"),
        (f"[sweep]\n'{W}' = [\n  4,\n  'x',\n]", f'{HERE}:5: sweep.{W}[1] = "x": must be a whole number at least 1'),
        (f"[sweep]\n{W} = 4", f"{HERE}:3: sweep.{W} = 4: must be a list of the values to run"),
        (f"[sweep]\n{W} = []", f"{HERE}:3: sweep.{W} = []: must be a list of the values to run"),
        (f"[sweep]\n{W} = [4, 4]", f"{HERE}:3: sweep.{W}[1] = 4: stands there twice"),
        ("[sweep]", f"{HERE}:2: sweep: nothing to sweep; write sweep.KEY = [VALUES], or [[sweep.members]] with a label "
         "and keys"),
        ("sweep = 3", f"{HERE}:2: sweep = 3: nothing to sweep; write sweep.KEY = [VALUES], or [[sweep.members]] with a "
         "label and keys"),
        ("[sweep]\nextends = ['a']", f"{HERE}:3: sweep.extends: cannot be swept"),
        ("[sweep]\nsweep.seed = [3]", f"{HERE}:3: sweep.sweep.seed: cannot be swept"),
        ("[sweep]\nmembers = 3",
         f"{HERE}:3: sweep.members: must be tables: [[sweep.members]], each with a label and the keys it sets"),
        ("[[sweep.members]]\nseed = 3",
         f"{HERE}:2: sweep.members[0].label: missing; must be text that tells the member apart"),
        ("[[sweep.members]]\nlabel = 3", f"{HERE}:3: sweep.members[0].label = 3: must be text of 1 to 120 letters"),
        ("[[sweep.members]]\nlabel = '?'", f'{HERE}:3: sweep.members[0].label = "?": must be text of 1 to 120 letters'),
        ("[[sweep.members]]\nlabel = 'a'\n[[sweep.members]]\nlabel = 'A'",
         f'{HERE}:5: sweep.members[1].label = "A": two members may not be called alike'),
        ("[[sweep.members]]\nlabel = 'a'\nseed = -1",
         f"{HERE}:4: sweep.members[0].seed = -1: must be a whole number from 0 to 4294967295"),
        ("[[sweep.members]]\nlabel = 'a.json'",
         f'{HERE}:2: sweep: "a.json": cannot be the name of a directory; give labels in members'),
        ("[sweep]\nseed = [3]\n[[sweep.members]]\nlabel = 'a'\nseed = 3",
         f"{HERE}:3: sweep.seed[0] = 3: the sweep sets this key in two ways"),
        ("[sweep]\nstages.sums.train.epochs = [3]", f"{HERE}:3: sweep.stages.sums.train.epochs[0] = 3: the recipe "
         "has one stage, written at the top; did you mean train.epochs?"),
        ("[sweep]\ntrain.optimizer = [\n  { name = 'adam', bet1 = 0.5 },\n]",
         f"{HERE}:4: sweep.train.optimizer[0].bet1 = 0.5: unknown key; optimizer adam has learning_rate, beta1, beta2, "
         "eps; did you mean train.optimizer.beta1?"),
        ("[sweep]\ntrain.optimizer = [{ name = 'nadm' }]", f'{HERE}:3: sweep.train.optimizer[0].name = "nadm": no such '
         "optimizer; must be adam, adamw, nadam or sgd; did you mean nadam?"),
        (f"[sweep]\nseed = [{', '.join(map(str, range(40)))}]\n{W} = [{', '.join(map(str, range(1, 41)))}]",
         f"{HERE}:2: sweep: 1,600 members; at most 1,000 can be run"),
        ("[sweep]\nseed = [1, 2]\n[train]\nepochs = -1",
         f"{HERE}:5: train.epochs = -1: must be a number greater than 0 and at most 1000000"),
    ],
)  # fmt: skip
def test_one_wrong_line(load: Load, text: str, expected: str):
    assert problems(load, text) == [expected]


def test_an_unknown_key_is_told_once_with_the_nearest_name(load: Load):
    [told] = problems(load, "[sweep]\nmodel.scheme.network.widht = [4, 8, 16]")
    assert told.startswith(f"{HERE}:3: sweep.model.scheme.network.widht[0] = 4: unknown key; ")
    assert told.endswith("did you mean model.scheme.network.width?")


def test_all_problems_at_once_in_the_order_of_the_file(load: Load):
    text = f"seed = -5\n[sweep]\n{W} = [0, 4, -1]\ntrain.epochs = [\n1,\n0]\ntrain.epoch = [1, 2]"
    found = problems(load, text)
    assert [problem.split(":")[1] for problem in found] == ["2", "4", "4", "7", "8"]


def test_an_option_that_the_sweep_overrides_is_refused(load: Load):
    assert problems(load, f"[sweep]\n{W} = [4, 8]", f"{W}=2") == [
        f"--set {W}=2: the sweep sets this key in every member; did you mean sweep.{W}=[2]?"
    ]
    member = "[[sweep.members]]\nlabel = '{}'\nseed = {}\n"
    assert problems(load, member.format("a", 1) + member.format("b", 2), "seed=3") == [
        "--set seed=3: the sweep sets this key in every member"
    ]
    assert load(member.format("a", 1) + "[[sweep.members]]\nlabel = 'b'\n", "seed=3").members[1].recipe.seed == 3


def test_options_of_the_sweep_are_checked_like_its_file(load: Load):
    text = f"[sweep]\n{W} = [4, 8]"
    assert problems(load, text, f"sweep.{W}=7") == [f"--set sweep.{W}=7: must be a list of the values to run"]
    assert problems(load, text, f"sweep.{W}=[0]") == [
        f"--set sweep.{W}=[0]: sweep.{W}[0] = 0: must be a whole number at least 1"
    ]


def test_check_reports_every_member(load: Load, capsys: pytest.CaptureFixture[str]):
    sweep = load(f"[sweep]\n{W} = [4, 8]")
    assert main(["check", "swept.toml", "base.toml"]) == 0
    assert capsys.readouterr().out == "swept.toml: good, a sweep of 2 recipes\nbase.toml: good\n"
    assert main(["check", "swept.toml", "--json", "--build"]) == 0
    [report] = json.loads(capsys.readouterr().out)
    assert (report["recipe"], report["file"], report["digest"]) == ("swept", "swept.toml", sweep.digest)
    assert [(member["label"], member["digest"]) for member in report["members"]] == [
        (member.label, digest(member.recipe)) for member in sweep.members
    ]
    small, large = (member["total"] for member in report["members"])
    assert 0 < small < large
    assert report["members"][0]["parameters"] == {"main": {"network": small}}
    assert main(["check", "swept.toml", "--build"]) == 0
    text = capsys.readouterr().out
    assert f"width=4 {small:,} parameters" in " ".join(text.split())


def test_check_builds_every_member(load: Load, capsys: pytest.CaptureFixture[str]):
    load('[sweep]\nmodel.scheme.network = ["mlp", "unet", { name = "patch_transformer" }]')
    assert main(["check", "swept.toml"]) == 0
    assert main(["check", "swept.toml", "--build"]) == 2
    first, second = capsys.readouterr().err.removeprefix("zoo: ").splitlines()
    assert first.startswith("swept.toml: network=unet: stage main: architecture 'unet' needs an image")
    assert second.startswith("swept.toml: network=patch_transformer: stage main: ")


def test_check_tells_what_is_wrong(load: Load, capsys: pytest.CaptureFixture[str]):
    load(f"[sweep]\n{W} = [4]")
    assert main(["check", "swept.toml", "--set", f"sweep.{W}=[4,0]"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
