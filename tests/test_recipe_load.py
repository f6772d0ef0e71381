"""Recipe files: reading, `extends`, the two forms of stages, shipped recipes, files that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zoo.errors import RecipeError
from zoo.recipe.load import load_recipe

BASE = """\
detector = "zn"
data.limit = 100
[model.scheme]
name = "flow_matching"
sampler = { name = "euler", steps = 7 }
network = { name = "mlp", width = 32 }
[train]
epochs = 3
optimizer = { name = "adam", learning_rate = 1e-3, beta1 = 0.5 }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("base.toml").write_text(BASE)
    return tmp_path


def write(name: str, text: str) -> str:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(text)
    return name


def problem(path: str | Path) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    [line] = caught.value.problems
    assert line.isprintable()
    return line


@pytest.mark.usefixtures("folder")
class TestExtends:
    def test_tables_merge_and_lists_replace(self) -> None:
        write("middle.toml", 'extends = "base.toml"\n[model]\nmaps = { name = "impact_maps", widths = [1.0, 2.0] }')
        write("child.toml", 'extends = "middle.toml"\nseed = 5\n[model.maps]\nwidths = [3.0]\n[train]\nbatch_size = 8')
        loaded = load_recipe("child.toml")
        stage = loaded.recipe.stages["main"]
        assert (loaded.name, loaded.recipe.seed, loaded.recipe.data.limit) == ("child", 5, 100)
        assert stage.model.maps is not None
        assert stage.model.maps.model_dump()["widths"] == (3.0,)
        assert (stage.train.epochs, stage.train.batch_size) == (3.0, 8)

    def test_parents_are_relative_to_their_child(self) -> None:
        write("inner/middle.toml", 'extends = "../base.toml"\nseed = 6')
        write("child.toml", 'extends = "inner/middle.toml"')
        assert load_recipe("child.toml").recipe.seed == 6

    def test_another_component_starts_afresh(self) -> None:
        write("child.toml", 'extends = "base.toml"\nmodel.scheme.network = { name = "unet", channels = 2 }')
        network = load_recipe("child.toml").recipe.stages["main"].model.model_dump()["scheme"]["network"]
        assert (network["name"], network["channels"]) == ("unet", 2)
        assert "width" not in network

    def test_another_component_keeps_what_its_whole_kind_has(self) -> None:
        write("child.toml", 'extends = "base.toml"\ntrain.optimizer = "sgd"\ndata.path = "events"')
        recipe = load_recipe("child.toml").recipe
        optimizer = recipe.stages["main"].train.model_dump()["optimizer"]
        assert optimizer == {"name": "sgd", "learning_rate": 1e-3, "momentum": 0.0, "nesterov": False}
        assert (recipe.data.component, recipe.data.limit) == ("npz", 100)

    def test_figures_of_another_source_are_not_taken_over(self) -> None:
        write("middle.toml", 'extends = "base.toml"\n[published]\nsource = "A"\nmae = 1.0\nrmse = 2.0')
        write("same.toml", 'extends = "middle.toml"\n[published]\nmae = 3.0')
        write("other.toml", 'extends = "middle.toml"\n[published]\nsource = "B"\nmae = 3.0')
        same, other = (load_recipe(file).recipe.published for file in ("same.toml", "other.toml"))
        assert same is not None
        assert (same.source, same.mae, same.rmse) == ("A", 3.0, 2.0)
        assert other is not None
        assert (other.source, other.mae, other.rmse) == ("B", 3.0, None)

    def test_the_same_component_keeps_its_keys(self) -> None:
        write("child.toml", 'extends = "base.toml"\n[train.optimizer]\nname = "adam"\nlearning_rate = 2e-3')
        optimizer = load_recipe("child.toml").recipe.stages["main"].train.model_dump()["optimizer"]
        assert (optimizer["learning_rate"], optimizer["beta1"]) == (2e-3, 0.5)

    def test_a_bare_name_takes_keys(self) -> None:
        write("middle.toml", 'extends = "base.toml"\nmodel.scheme.sampler = "heun"')
        write("child.toml", 'extends = "middle.toml"\nmodel.scheme.sampler.steps = 9')
        sampler = load_recipe("child.toml").recipe.stages["main"].model.model_dump()["scheme"]["sampler"]
        assert sampler == {"name": "heun", "steps": 9}

    def test_a_component_by_default_takes_keys(self) -> None:
        text = BASE.replace('name = "euler", ', "")
        assert load_recipe(write("nameless.toml", text)).recipe == load_recipe("base.toml").recipe

    def test_problems_name_the_file_they_are_in(self) -> None:
        write("parent.toml", BASE.replace("epochs = 3", "epochs = 0").replace("steps", "setps"))
        write("child.toml", 'extends = "parent.toml"\n\nsead = 3')
        with pytest.raises(RecipeError) as caught:
            load_recipe("child.toml")
        places = [line.split(" = ")[0] for line in caught.value.problems]
        assert places == [
            "parent.toml:5: model.scheme.sampler.setps",
            "parent.toml:8: train.epochs",
            "child.toml:3: sead",
        ]

    @pytest.mark.parametrize("length", [1, 2, 3])
    def test_cycles_are_refused(self, length: int) -> None:
        for number in range(length):
            write(f"{number}.toml", f'extends = "{(number + 1) % length}.toml"')
        assert (
            problem("0.toml")
            == f'{length - 1}.toml:1: extends = "0.toml": a recipe cannot extend itself, directly or in a circle'
        )

    def test_a_cycle_through_another_name_is_seen(self) -> None:
        Path("other").mkdir()
        write("a.toml", 'extends = "other/../a.toml"')
        assert "circle" in problem("a.toml")

    @pytest.mark.parametrize(
        ("parent", "says"),
        [
            ('"bsae.toml"', 'extends = "bsae.toml": no such file; did you mean base.toml?'),
            ('"nowhere/base.toml"', "no such file"),
            ('["base.toml"]', "must be the name of one recipe file"),
            ("3", "must be the name of one recipe file"),
            ('""', "must be the name of one recipe file"),
            ('"."', "a directory"),
        ],
    )
    def test_parents_that_are_none(self, parent: str, says: str) -> None:
        write("child.toml", f"\nextends = {parent}")
        assert says in problem("child.toml")


@pytest.mark.usefixtures("folder")
class TestStages:
    def test_one_stage_in_either_form_is_the_same(self) -> None:
        staged = BASE.replace("[model.scheme]", "[stages.main.model.scheme]").replace("[train]", "[stages.main.train]")
        write("staged.toml", staged)
        assert load_recipe("staged.toml").recipe == load_recipe("base.toml").recipe

    def test_stages_keep_their_order(self) -> None:
        model = 'model.scheme = { name = "flow_matching", network = "mlp" }'
        train = 'train = { epochs = 1, optimizer = { name = "sgd", learning_rate = 1.0 } }'
        stages = "".join(f"[stages.{name}]\n{model}\n{train}\n" for name in "cab")
        write("many.toml", f'detector = "zp"\n{stages}')
        assert list(load_recipe("many.toml").recipe.stages) == ["c", "a", "b"]

    def test_a_recipe_does_not_change(self) -> None:
        recipe = load_recipe("base.toml").recipe
        with pytest.raises(ValueError, match="frozen"):
            recipe.seed = 3


@pytest.mark.usefixtures("folder")
def test_origins_tell_where_each_value_comes_from() -> None:
    write(
        "child.toml", 'extends = "base.toml"\n\n[train.optimizer]\nlearning_rate = 2e-3\n[train]\nschedule = "constant"'
    )
    origins = load_recipe("child.toml", ["train.epochs=9", "train.optimizer.eps=1e-7"]).origins
    assert origins["detector.name"] == "base.toml:1"
    assert origins["model.scheme.sampler.steps"] == "base.toml:5"
    assert origins["train.optimizer.beta1"] == "base.toml:9"
    assert origins["train.optimizer.learning_rate"] == "child.toml:4"
    assert origins["train.schedule.name"] == "child.toml:6"
    assert origins["train.epochs"] == "--set train.epochs=9"
    assert origins["train.optimizer.eps"] == "--set train.optimizer.eps=1e-7"
    assert origins["train.batch_size"] == origins["train.optimizer.beta2"] == "default"


@pytest.mark.usefixtures("folder")
class TestFilesThatAreNoRecipe:
    def test_missing_file_suggests_its_neighbour(self) -> None:
        assert problem("bas.toml") == "bas.toml: no such file; did you mean base.toml?"
        assert problem("base") == f"base: {problem('base').removeprefix('base: ')}"
        assert problem("base").endswith("did you mean base.toml?")

    def test_missing_folder(self) -> None:
        assert problem("nowhere/base.toml") == "nowhere/base.toml: no such file"

    def test_unknown_bare_name_lists_the_shipped_recipes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shipped = {name: Path(f"{name}.toml") for name in ("zn_fm", "zp_fm")}
        monkeypatch.setattr("zoo.recipe.files.shipped_recipes", lambda: shipped)
        assert (
            problem("zp_mf") == "zp_mf: no such file or shipped recipe; shipped are zn_fm, zp_fm; did you mean zp_fm?"
        )

    def test_bare_name_of_a_shipped_recipe(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("zoo.recipe.files.shipped_recipes", lambda: {"zz_fm": folder / "base.toml"})
        assert load_recipe("zz_fm").path == load_recipe("zz_fm.toml").path == folder / "base.toml"
        write("child.toml", 'extends = "zz_fm"')
        assert load_recipe("child.toml").recipe == load_recipe("base.toml").recipe

    def test_directory_lists_its_recipes(self, folder: Path) -> None:
        assert problem(folder) == f"{folder}: a directory, not a recipe; in it are base.toml"
        assert "a directory" in problem("")

    @pytest.mark.parametrize("name", ["nul\0.toml", "n" * 5000, "line\nbreak.toml", "/dev/null"])
    def test_strange_names(self, name: str) -> None:
        assert "no such file" in problem(name) or "not a regular file" in problem(name)

    def test_pipe(self) -> None:
        os.mkfifo("pipe.toml")
        assert problem("pipe.toml") == "pipe.toml: not a regular file"

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"\x89PNG\r\n\x1a\n\xff\xfe", "x.toml:1: not UTF-8 text"),
            (b"seed = 3\n\nname = '\xe9'", "x.toml:3: not UTF-8 text"),
            (bytes(range(1, 128)), "x.toml:1: not valid TOML"),
            (b"seed = 3\0", "x.toml:1: not valid TOML"),
            (b"detector = zn\n", 'x.toml:1: not valid TOML: Invalid value at column 12; text needs quotes: "zn"'),
            (b"seed = 3\n[train\n", "x.toml:2: not valid TOML: Expected ']'"),
            (b"[train]\n\nepochs 3\n", "x.toml:3: not valid TOML"),
            (b"seed = 3\nseed = 4\n", "x.toml:2: not valid TOML"),
            (b"[a]\n[b]\n[a]\n", "x.toml:3: not valid TOML"),
            (b"seed = 3 4\n", "x.toml:1: not valid TOML"),
            (b'name = "open\nseed = 3', "x.toml:1: not valid TOML"),
            (b"name = '''open", "x.toml:1: not valid TOML"),
            (b"list = [1, 2\nseed = 3", "x.toml:"),
            (b"epochs = 2024-02-30", "x.toml:1: not valid TOML"),
            (b"detector: zn\n", "x.toml:1: not valid TOML"),
            (b'{"detector": "zn"}', "x.toml:1: not valid TOML"),
            (b"seed = " + b"9" * 5000, "x.toml: not valid TOML"),
            (b"seed = " + b"[" * 5000, "nested more than 24 deep"),
            (b"seed = " + b"[" * 50 + b"]" * 50, "nested more than 24 deep"),
            (b"seed" + b".a" * 3000 + b" = 1", "nested more than 24 deep"),
            (b"#" * (1 << 21), "bytes; a recipe is TOML text of at most"),
        ],
    )
    def test_contents(self, content: bytes, says: str) -> None:
        Path("x.toml").write_bytes(content)
        assert says in problem("x.toml")
        assert problem("x.toml").startswith("x.toml:")

    def test_empty_file_lacks_a_detector_and_a_stage(self) -> None:
        write("x.toml", "")
        with pytest.raises(RecipeError) as caught:
            load_recipe("x.toml")
        assert [line.partition(";")[0].partition(", or")[0] for line in caught.value.problems] == [
            "x.toml:1: detector: missing",
            "x.toml:1: no stage: write [model] and [train]",
        ]

    def test_byte_order_mark_and_windows_lines_are_no_problem(self) -> None:
        Path("x.toml").write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
        assert load_recipe("x.toml").recipe == load_recipe("base.toml").recipe
