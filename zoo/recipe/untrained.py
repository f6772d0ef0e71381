"""Stages without `[train]`: only a scheme that has nothing to train may do without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.recipe.phrases import phrase
from zoo.recipe.places import Component, Place, Table, at, step
from zoo.recipe.problem import Problem
from zoo.schemes.scheme import SchemeConfig

SCHEME = ("model", "scheme")


def untrained(stage: Place | None, stages: Mapping[str, Any]) -> list[Problem]:
    """Every stage of a `stages` table that lacks `[train]` although its scheme is trained, or not known.

    Args:
        stage: the schema's place of one stage.
        stages: plain values, in order.
    """
    return [
        Problem(("stages", name, "train"), f"missing; must be {phrase(step(stage, 'train', table))}")
        for name, table in stages.items()
        if isinstance(table, Mapping) and table.get("train") is None and _is_trained(stage, table)
    ]


def _is_trained(stage: Place | None, table: Mapping[str, Any]) -> bool:
    place, scheme = at(stage, table, SCHEME)
    chosen = place.table(scheme) if isinstance(place, Component) else None
    config = chosen.config if isinstance(chosen, Table) else None
    return config is None or not issubclass(config, SchemeConfig) or config.trained
