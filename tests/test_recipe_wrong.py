"""Wrong recipes: each gives one line per problem, at the right line, with the right key path and advice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from zoo.errors import RecipeError
from zoo.recipe.load import load_recipe

GOOD = """\
detector = "zn"
seed = 72

[data]
limit = 2000

[model]
condition = "published"
maps = { name = "impact_maps", widths = [1.0, 2.5] }
target = { name = "response", transforms = ["log1p"] }

[model.scheme]
name = "flow_matching"

[model.scheme.network]
name = "mlp"

[model.scheme.sampler]
name = "euler"
steps = 11

[train]
epochs = 50
batch_size = 256

[train.optimizer]
name = "adam"
learning_rate = 4.4e-4

[train.schedule]
name = "one_cycle"

[train.players.velocity]
clip = 1.0

[evaluate]
repeats = 5

[published]
source = "FM paper, table 1"
wasserstein = 1.27
"""

UNPUBLISHED = GOOD[: GOOD.index("[published]")]

TWO_STAGES = """\
detector = "zn"

[stages.sums.model]
target = "channels"
scheme = { name = "flow_matching", network = "mlp" }

[stages.sums.train]
epochs = 4
optimizer = { name = "adam", learning_rate = 1e-3 }

[stages.shape.model.scheme]
name = "factorised"
sums = "sums"
shape = { name = "flow_matching", network = "mlp" }

[stages.shape.train]
epochs = 2
optimizer = { name = "adam", learning_rate = 1e-3 }
"""

FIRST_STAGE = """\
[stages.first.model.scheme]
name = "factorised"
sums = "sums" # here
shape = { name = "flow_matching", network = "mlp" }
[stages.first.train]
epochs = 2
optimizer = { name = "adam", learning_rate = 1e-3 }
"""


@dataclass(frozen=True)
class Wrong:
    """One line of a good recipe replaced; `# here` marks the line that the message must name."""

    id: str
    old: str
    new: str
    key: str
    """The key path in the message."""
    says: str
    """What the message must contain."""
    good: str = GOOD

    def text(self) -> str:
        assert self.good.count(self.old) == 1, self.old
        return self.good.replace(self.old, self.new)


TYPOS = [
    Wrong("top-level key", "seed = 72", "sead = 72 # here", "sead", "did you mean seed?"),
    Wrong("top-level table", "[data]", "[dataa] # here", "dataa", "did you mean data?"),
    Wrong("table in capitals", "[data]", "[Data] # here", "Data", "did you mean data?"),
    Wrong("key of data", "limit = 2000", "limits = 2000 # here", "data.limits", "did you mean data.limit?"),
    Wrong(
        "key of model",
        'condition = "published"',
        'conditions = "kinematic" # here',
        "model.conditions",
        "did you mean model.condition?",
    ),
    Wrong(
        "key of an inline table",
        "widths = [1.0, 2.5] }",
        "width = [1.0, 2.5] } # here",
        "model.maps.width",
        "did you mean model.maps.widths?",
    ),
    Wrong(
        "key of a sampler",
        "steps = 11",
        "step = 11 # here",
        "model.scheme.sampler.step",
        "did you mean model.scheme.sampler.steps?",
    ),
    Wrong(
        "key of a network",
        'name = "mlp"',
        'name = "unet"\nchanels = 4 # here',
        "model.scheme.network.chanels",
        "did you mean model.scheme.network.channels?",
    ),
    Wrong(
        "table of a scheme",
        "[model.scheme.sampler]",
        "[model.scheme.samplr] # here",
        "model.scheme.samplr",
        "did you mean model.scheme.sampler?",
    ),
    Wrong(
        "key of train",
        "batch_size = 256",
        "batchsize = 256 # here",
        "train.batchsize",
        "did you mean train.batch_size?",
    ),
    Wrong(
        "hyphen", "batch_size = 256", "batch-size = 256 # here", "train.batch-size", "did you mean train.batch_size?"
    ),
    Wrong(
        "beginning of a key", "batch_size = 256", "batch = 256 # here", "train.batch", "did you mean train.batch_size?"
    ),
    Wrong(
        "key of an optimizer",
        "learning_rate = 4.4e-4",
        "learning_rate = 4.4e-4\nbeta_1 = 0.9 # here",
        "train.optimizer.beta_1",
        "did you mean train.optimizer.beta1?",
    ),
    Wrong(
        "key of a schedule",
        'name = "one_cycle"',
        'name = "one_cycle"\nwarm_up = 0.1 # here',
        "train.schedule.warm_up",
        "did you mean train.schedule.warmup?",
    ),
    Wrong(
        "key of a player",
        "clip = 1.0",
        "clpi = 1.0 # here",
        "train.players.velocity.clpi",
        "did you mean train.players.velocity.clip?",
    ),
    Wrong("key of evaluate", "repeats = 5", "repeat = 5 # here", "evaluate.repeat", "did you mean evaluate.repeats?"),
    Wrong("key of published", "wasserstein = 1.27", "waserstein = 1.27 # here", "published.waserstein", "wasserstein?"),
    Wrong(
        "key of a stage",
        "epochs = 4",
        "epochs = 4\nepoch = 3 # here",
        "stages.sums.train.epoch",
        "did you mean stages.sums.train.epochs?",
        TWO_STAGES,
    ),
    Wrong(
        "table of a stage",
        "epochs = 4",
        "epochs = 4\n[stages.sums.evaluate] # here",
        "stages.sums.evaluate",
        "did you mean evaluate?",
        TWO_STAGES,
    ),
]

MISPLACED = [
    Wrong("key of train at the top", "seed = 72", "seed = 72\nema = 0.9 # here", "ema", "did you mean train.ema?"),
    Wrong(
        "key of every stage at the top",
        'detector = "zn"',
        'detector = "zn"\nema = 0.9 # here',
        "ema",
        "did you mean stages.sums.train.ema or stages.shape.train.ema?",
        TWO_STAGES,
    ),
    Wrong(
        "key of evaluate in train",
        "batch_size = 256",
        "batch_size = 256\nbootstrap = 10 # here",
        "train.bootstrap",
        "did you mean evaluate.bootstrap?",
    ),
    Wrong(
        "key of the optimizer in train",
        "batch_size = 256",
        "batch_size = 256\nlearning_rate = 1e-3 # here",
        "train.learning_rate",
        "did you mean train.optimizer.learning_rate?",
    ),
    Wrong(
        "table of model at the top",
        "[model.scheme.sampler]",
        "[sampler] # here",
        "sampler",
        "did you mean model.scheme.sampler?",
    ),
    Wrong(
        "key of another component",
        'name = "mlp"',
        'name = "unet"\npatch = 4 # here',
        "model.scheme.network.patch",
        "it is a key of patch_transformer",
    ),
    Wrong(
        "key of a component without keys",
        'detector = "zn"',
        'detector = { name = "zn", shape = [44, 44] } # here',
        "detector.shape",
        "detector zn has no keys",
    ),
    Wrong(
        "both forms",
        'detector = "zn"',
        'detector = "zn"\n[train] # here\nepochs = 3',
        "train",
        "not both; did you mean stages.sums.train or stages.shape.train?",
        TWO_STAGES,
    ),
]

NAMES = [
    Wrong("detector", 'detector = "zn"', 'detector = "zm" # here', "detector", "must be focal_h, zn or zp"),
    Wrong("scheme", '"flow_matching"', '"flow_maching" # here', "model.scheme.name", "did you mean flow_matching?"),
    Wrong("network", '"mlp"', '"unett" # here', "model.scheme.network.name", "did you mean unet?"),
    Wrong("sampler", '"euler"', '"eular" # here', "model.scheme.sampler.name", "did you mean euler?"),
    Wrong("optimizer", '"adam"', '"Adamm" # here', "train.optimizer.name", "did you mean adam?"),
    Wrong("schedule", '"one_cycle"', '"onecycle" # here', "train.schedule.name", "did you mean one_cycle?"),
    Wrong(
        "features",
        'condition = "published"',
        'condition = "publish" # here',
        "model.condition",
        "did you mean published?",
    ),
    Wrong("transform", '["log1p"] }', '["log2p"] } # here', "model.target.transforms[0]", "did you mean log1p?"),
    Wrong("source", "limit = 2000", 'source = "npy" # here', "data.source", "did you mean npz?"),
    Wrong("of another kind", '"one_cycle"', '"adam" # here', "train.schedule.name", "an optimizer, not a schedule"),
    Wrong("number for a name", 'detector = "zn"', "detector = 3 # here", "detector", "must name a detector"),
    Wrong(
        "list for a component",
        'condition = "published"',
        "condition = [1] # here",
        "model.condition",
        "must name features",
    ),
    Wrong(
        "nameless table",
        '[model.scheme.network]\nname = "mlp"',
        "[model.scheme.network] # here",
        "model.scheme.network.name",
        "missing; must name an architecture",
    ),
    Wrong(
        "bad stage name",
        "[stages.sums.train]",
        '[stages."my sums".train] # here',
        'stages."my sums"',
        "letters, digits",
        TWO_STAGES,
    ),
    Wrong(
        "unknown stage",
        'sums = "sums"',
        'sums = "summs" # here',
        "stages.shape.model.scheme.sums",
        "earlier stages: sums; did you mean sums?",
        TWO_STAGES,
    ),
    Wrong(
        "stage that builds on itself",
        'sums = "sums"',
        'sums = "shape" # here',
        "stages.shape.model.scheme.sums",
        "a stage cannot build on itself",
        TWO_STAGES,
    ),
    Wrong(
        "later stage",
        "[stages.sums.model]",
        FIRST_STAGE + "[stages.sums.model]",
        "stages.first.model.scheme.sums",
        "stage sums is trained after first; there is no stage before first",
        TWO_STAGES,
    ),
]

VALUES = [
    Wrong("negative count", "seed = 72", "seed = -1 # here", "seed", "whole number from 0"),
    Wrong("text for an integer", "limit = 2000", 'limit = "2000" # here', "data.limit", "write it without quotes"),
    Wrong(
        "zero", "batch_size = 256", "batch_size = 0 # here", "train.batch_size", "= 0: must be a whole number from 1"
    ),
    Wrong(
        "fraction for an integer",
        "batch_size = 256",
        "batch_size = 2.5 # here",
        "train.batch_size",
        "= 2.5: must be a whole",
    ),
    Wrong(
        "boolean for an integer", "repeats = 5", "repeats = true # here", "evaluate.repeats", "= true: must be a whole"
    ),
    Wrong(
        "boolean for a number", "epochs = 50", "epochs = true # here", "train.epochs", "must be a number greater than 0"
    ),
    Wrong("text for a number", "epochs = 50", 'epochs = "many" # here', "train.epochs", '= "many": must be a number'),
    Wrong("nan", "epochs = 50", "epochs = nan # here", "train.epochs", "= nan: is not finite"),
    Wrong("infinity", "epochs = 50", "epochs = inf # here", "train.epochs", "is not finite"),
    Wrong("negative infinity", "clip = 1.0", "clip = -inf # here", "train.players.velocity.clip", "is not finite"),
    Wrong("overflow", "epochs = 50", "epochs = 1e999 # here", "train.epochs", "is not finite"),
    Wrong("huge integer", "epochs = 50", f"epochs = 1{'0' * 400} # here", "train.epochs", "a number greater than 0"),
    Wrong(
        "date for a number",
        "epochs = 50",
        "epochs = 2024-02-28 # here",
        "train.epochs",
        "= 2024-02-28: must be a number",
    ),
    Wrong("date for text", '"FM paper, table 1"', "2024-02-28 # here", "published.source", "write it in quotes"),
    Wrong("empty text", '"FM paper, table 1"', '"" # here', "published.source", "must be text (not empty)"),
    Wrong("number for a table", "seed = 72", "published = 3 # here", "published", "must be a table", UNPUBLISHED),
    Wrong(
        "list for a table", "seed = 72", "published = [1] # here", "published", "= [1]: must be a table", UNPUBLISHED
    ),
    Wrong(
        "number for stages", "seed = 72", "stages = 3 # here", "stages", "must be a table", 'detector = "zn"\nseed = 72'
    ),
    Wrong("text for a boolean", "repeats = 5", 'timing = "yes" # here', "evaluate.timing", "must be true or false"),
    Wrong("quoted boolean", "repeats = 5", 'timing = "true" # here', "evaluate.timing", "write it without quotes"),
    Wrong("unit interval", "batch_size = 256", "ema = 1.0 # here", "train.ema", "greater than 0 and less than 1"),
    Wrong("choice", "batch_size = 256", 'precision = "bfloat" # here', "train.precision", "did you mean bfloat16?"),
    Wrong("choice in capitals", "batch_size = 256", 'keep = "Last" # here', "train.keep", "did you mean last?"),
    Wrong("split", "limit = 2000", 'split = "by-particles" # here', "data.split", "did you mean by-particle?"),
    Wrong(
        "item of a list", "[1.0, 2.5] }", '[1.0,\n\n"2.5"] } # here', "model.maps.widths[1]", "write it without quotes"
    ),
    Wrong(
        "negative item",
        "[1.0, 2.5] }",
        "[1.0, -2.5] } # here",
        "model.maps.widths[1]",
        "= -2.5: must be a number greater than 0",
    ),
    Wrong("scalar for a list", "[1.0, 2.5] }", "1.0 } # here", "model.maps.widths", "must be a list"),
    Wrong("empty list", "[1.0, 2.5] }", "[] } # here", "model.maps.widths", "must be a list (not empty)"),
    Wrong("negative learning rate", "4.4e-4", "-1e-3 # here", "train.optimizer.learning_rate", "greater than 0"),
    Wrong("negative metric", "1.27", "-1.27 # here", "published.wasserstein", "at least 0"),
    Wrong("number for a path", "limit = 2000", "path = 3 # here", "data.path", "must be a path"),
    Wrong("path of a boolean", "limit = 2000", "path = true # here", "data.path", "must be a path"),
]
MISSING = [
    Wrong("detector", 'detector = "zn"', "# here", "detector", "missing; must be a detector: focal_h, zn or zp"),
    Wrong(
        "epochs", "[train]\nepochs = 50", "[train] # here", "train.epochs", "missing; must be a number greater than 0"
    ),
    Wrong(
        "learning rate",
        '[train.optimizer]\nname = "adam"\nlearning_rate = 4.4e-4',
        '[train.optimizer] # here\nname = "adam"',
        "train.optimizer.learning_rate",
        "missing; must be a number",
    ),
    Wrong(
        "learning rate of a bare name",
        '[train.optimizer]\nname = "adam"\nlearning_rate = 4.4e-4',
        'optimizer = "adam" # here',
        "train.optimizer.learning_rate",
        "missing; must be a number",
    ),
    Wrong(
        "network",
        '[model.scheme]\nname = "flow_matching"\n\n[model.scheme.network]\nname = "mlp"',
        '[model.scheme] # here\nname = "flow_matching"',
        "model.scheme.network",
        "missing; must be an architecture: ",
    ),
    Wrong(
        "source of the figure",
        '[published]\nsource = "FM paper, table 1"',
        "[published] # here",
        "published.source",
        "missing; must be text",
    ),
    Wrong(
        "training of a stage",
        "sums]\nmodel",
        "shape] # here\nmodel",
        "stages.shape.train",
        "missing; must be a table",
        'detector = "zn"\n[stages.sums]\nmodel = { scheme = { name = "flow_matching", network = "mlp" } }',
    ),
    Wrong(
        "stages", "seed = 72", "seed = 1", "no stage", "write [model] and [train]", 'detector = "zn" # here\nseed = 72'
    ),
    Wrong("training", "seed = 72", "[model]", "train", "missing; must be a table", 'detector = "zn" # here\nseed = 72'),
]

CASES = [*TYPOS, *MISPLACED, *NAMES, *VALUES, *MISSING]


def problems_of(path: Path | str, *overrides: str) -> tuple[str, ...]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, overrides)
    for problem in caught.value.problems:
        assert "\n" not in problem
    assert str(caught.value) == "\n".join(caught.value.problems)
    assert caught.value.exit_code == 2
    return caught.value.problems


@pytest.mark.parametrize("text", [GOOD, TWO_STAGES], ids=["one stage", "two stages"])
def test_the_good_recipes_are_good(tmp_path: Path, text: str) -> None:
    (tmp_path / "good.toml").write_text(text)
    assert load_recipe(tmp_path / "good.toml").recipe.detector.component == "zn"


def test_there_are_at_least_fifty() -> None:
    assert len({case.new for case in CASES}) >= 50


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_one_wrong_line(tmp_path: Path, case: Wrong) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(case.text())
    found = problems_of(file)
    lines = case.text().splitlines()
    [expected] = [number for number, line in enumerate(lines, 1) if "# here" in line]
    place = re.compile(rf"{re.escape(f'{file}:{expected}: {case.key}')}(:| = )")
    assert len([line for line in found if place.match(line) and case.says in line]) == 1, found


@pytest.mark.parametrize("case", [case for case in CASES if "\n" not in case.old + case.new], ids=lambda case: case.id)
def test_one_wrong_line_is_one_problem_or_leaves_another_missing(tmp_path: Path, case: Wrong) -> None:
    (tmp_path / "wrong.toml").write_text(case.text())
    others = [line for line in problems_of(tmp_path / "wrong.toml") if case.says not in line]
    assert all("missing" in line or "no such stage" in line for line in others), others


def test_all_problems_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    text = TWO_STAGES
    for old, new in [
        ('"zn"', '"zq" # here'),
        ("epochs = 4", "epohcs = 4 # here"),
        ("epochs = 2", "epochs = -2 # here"),
        ('sums = "sums"', 'sums = "summs" # here'),
    ]:
        text = text.replace(old, new)
    file.write_text(text)
    lines = [int(problem.removeprefix(f"{file}:").split(":")[0]) for problem in problems_of(file)]
    marked = [number for number, line in enumerate(text.splitlines(), 1) if "# here" in line]
    assert set(marked) <= set(lines)
    assert lines == sorted(lines)


def test_values_cannot_break_a_message(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(GOOD.replace('"euler"', '"a\\nb\\u001b[31m\\u2028"').replace("seed", '"se\\ned"'))
    found = problems_of(file)
    assert len(found) == 2
    assert all(problem.isprintable() for problem in found)


def test_long_values_are_shortened(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(GOOD.replace("seed = 72", f'seed = {[*range(5000)]}\nx = "{"y" * 5000}"'))
    assert all(len(problem) < 400 for problem in problems_of(file))
