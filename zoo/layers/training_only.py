"""Parts of a model that only its training needs: discriminators, loss terms."""

from __future__ import annotations

from typing import TypeVar

import equinox as eqx
import jax

T = TypeVar("T")


class TrainingOnly(eqx.Module):
    """Marks a module that nothing but a loss calls; a model on the shelf is kept without."""


def without_training_only(tree: T) -> T:
    """The tree with None for every such module: good for sampling, and for nothing else."""
    return jax.tree.map(lambda node: None if _is_marked(node) else node, tree, is_leaf=_is_marked)


def _is_marked(node: object) -> bool:
    return isinstance(node, TrainingOnly)
