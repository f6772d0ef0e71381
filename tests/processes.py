"""Running the command in processes of its own, as a user does."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

RECIPES = Path(__file__).parent / "recipes"
TOY = Path(__file__).parent / "toy_players"
ENTRY = "import sys; from zoo.cli import main; sys.exit(main(sys.argv[1:]))"


def start(*arguments: object, toy: bool = False, code: str = ENTRY) -> subprocess.Popen[str]:
    """`zoo ARGUMENTS` in the background, its output captured."""
    environment = dict(os.environ)
    root = str(Path(__file__).parents[1])
    paths = [root, str(TOY)] if toy else [root]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def zoo(*arguments: object, toy: bool = False) -> subprocess.CompletedProcess[str]:
    """`zoo ARGUMENTS`, to its end."""
    return python(ENTRY, *arguments, toy=toy)


def python(code: str, *arguments: object, toy: bool = False) -> subprocess.CompletedProcess[str]:
    """A program of its own where the zoo, and with `toy` the toy package, are installed."""
    process = start(*arguments, toy=toy, code=code)
    out, err = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def loaded_by(arguments: Sequence[str], names: Sequence[str]) -> list[str]:
    """Which of these packages `zoo ARGUMENTS`, which has to succeed, imports."""
    done = python(f"""
import sys
from zoo.cli import main
assert main({list(arguments)!r}) == 0
print("LOADED", [name for name in {list(names)!r} if name in sys.modules])
""")
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout.splitlines()[-1].removeprefix("LOADED "))


def weights(run: Path, stage: str) -> dict[str, bytes]:
    """Every array of a stage's last checkpoint, as bytes."""
    import orbax.checkpoint as ocp

    newest = max((run / "checkpoints" / stage / "last").glob("[0-9]*"), key=lambda path: int(path.name))
    tree = ocp.StandardCheckpointer().restore((newest / "default").absolute())
    return {name: leaf.tobytes() for name, leaf in _leaves(tree)}


def _leaves(tree: object, path: str = "") -> list[tuple[str, np.ndarray]]:
    if isinstance(tree, dict):
        return [item for key, value in tree.items() for item in _leaves(value, f"{path}/{key}")]
    if isinstance(tree, list | tuple):
        return [item for key, value in enumerate(tree) for item in _leaves(value, f"{path}/{key}")]
    return [] if tree is None else [(path, np.asarray(tree))]
