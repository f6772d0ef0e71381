"""Training state and inference weights on disk, through Orbax; the only file that knows its API."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TypeVar

import equinox as eqx
import jax
import orbax.checkpoint as ocp

from zoo.errors import RunError

T = TypeVar("T")


class Store:
    """Numbered checkpoints of one kind in a folder; only complete ones are ever visible.

    Orbax writes aside and renames, so a kill in mid-save leaves the previous checkpoint in place.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob("*orbax-checkpoint-tmp*"):
            shutil.rmtree(leftover, ignore_errors=True)
        self._folder = folder.absolute()
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep, enable_async_checkpointing=False, create=False, single_host_load_and_broadcast=False
        )
        self._manager = ocp.CheckpointManager(self._folder, options=options)

    def latest(self) -> int | None:
        """Step of the newest complete checkpoint."""
        return self._manager.latest_step()

    def save(self, step: int, tree: object) -> None:
        """Write the arrays of a tree; a checkpoint of the same step is replaced."""
        if step in self._manager.all_steps():
            self._manager.delete(step)
        self._manager.save(step, args=ocp.args.StandardSave(_arrays(tree)))
        self._manager.wait_until_finished()

    def restore(self, like: T, step: int | None = None) -> T:
        """The tree `like` with its arrays read back; `like` may be abstract.

        Raises:
            RunError: there is no checkpoint, or it does not fit the tree.
        """
        step = self.latest() if step is None else step
        if step is None:
            raise RunError(f"{self._folder}: no checkpoint")
        template = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), _arrays(like))
        try:
            arrays = self._manager.restore(step, args=ocp.args.StandardRestore(template))
        except (ValueError, KeyError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise RunError(f"{self._folder / str(step)}: the checkpoint does not fit the recipe ({reason})") from error
        return eqx.combine(arrays, eqx.filter(like, _is_array, inverse=True))

    def close(self) -> None:
        """Release the manager's threads."""
        self._manager.close()


def _is_array(leaf: object) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _arrays(tree: object) -> object:
    return eqx.filter(tree, _is_array)
