"""One tiny two-stage run made by the real runner, shared by all tests of the shelf and the commands."""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from processes import zoo

from zoo.cli.main import main

RECIPE = """\
detector = "zn"
seed = 3
data = { source = "sample", limit = 120 }

[stages.sums.model]
condition = "kinematic"
target = { name = "channels", transforms = ["dequantise", "log1p", "standardise"] }

[stages.sums.model.scheme]
name = "flow_matching"
sampler = { name = "euler", steps = 1 }
network = { name = "mlp", width = 4, blocks = 1 }

[stages.sums.train]
epochs = 1
batch_size = 16
ema = 0.5
optimizer = { name = "adam", learning_rate = 1e-3 }

[stages.shape.model]
condition = "kinematic"

[stages.shape.model.scheme]
name = "factorised"
sums = "sums"

[stages.shape.model.scheme.shape]
name = "flow_matching"
sampler = { name = "euler", steps = 1 }
network = { name = "mlp", width = 4, blocks = 1 }

[stages.shape.train]
epochs = 1
batch_size = 16
keep = "last"
optimizer = { name = "adam", learning_rate = 1e-3 }

[evaluate]
repeats = 2
bootstrap = 10

[published]
source = "a paper, table 1"
wasserstein = 1.27
time_ms = 0.46
"""


@cache
def finished_run() -> Path:
    """The directory of the run; not to be changed."""
    root = Path(tempfile.mkdtemp(prefix="calozoo-tests-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    recipe = root / "tiny.toml"
    recipe.write_text(RECIPE)
    done = zoo("run", recipe, "--runs", root / "runs")
    assert done.returncode == 0, done.stderr
    return root / "runs" / "tiny" / "001"


@cache
def shelf() -> Path:
    """A shelf that holds the run as `tiny`; not to be changed."""
    root = finished_run().parents[2] / "shelf"
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["publish", str(finished_run()), "--as", "tiny", "--registry", str(root)]) == 0
    return root


def changed_run(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A copy of the run whose result says something else."""
    copy = folder / "runs" / "tiny" / "001"
    shutil.copytree(finished_run(), copy)
    result = json.loads((copy / "result.json").read_text())
    change(result)
    (copy / "result.json").write_text(json.dumps(result))
    return copy


def changed_shelf(folder: Path) -> Path:
    """A copy of the shelf, to be spoiled."""
    return Path(shutil.copytree(shelf(), folder / "shelf"))
