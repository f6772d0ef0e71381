"""Parts of a model that only its training needs: discriminators, loss terms, encoders of responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, TypeVar

import equinox as eqx
import jax

T = TypeVar("T")

_MARK = "training only"

TRAINING_ONLY: Mapping[str, bool] = MappingProxyType({_MARK: True})
"""Marks a field that is not read when the model samples: `encoder: Encoder = eqx.field(metadata=TRAINING_ONLY)`."""


class TrainingOnly(eqx.Module):
    """Marks a module that nothing but a loss calls; a model on the shelf is kept without."""


def without_training_only(tree: T) -> T:
    """The tree with None for every such module and field: good for sampling, and for nothing else."""
    return jax.tree.map(_stripped, tree, is_leaf=lambda node: isinstance(node, TrainingOnly) or bool(_marked(node)))


def _stripped(node: Any) -> Any:
    if isinstance(node, TrainingOnly):
        return None
    names = _marked(node)
    if not names:
        return node
    bare = eqx.tree_at(lambda own: [getattr(own, name) for name in names], node, [None] * len(names))
    return without_training_only(bare)


def _marked(node: object) -> list[str]:
    """The marked fields of a module that are still there."""
    if not isinstance(node, eqx.Module):
        return []
    return [each.name for each in fields(node) if _MARK in each.metadata and getattr(node, each.name) is not None]
