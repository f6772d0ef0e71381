"""`result.json`: what a finished run says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.data.constants import Constants, within
from zoo.recipe.resolved import digest
from zoo.recipe.schema import Recipe, Stage
from zoo.runner.loop import Trained
from zoo.runner.verdict import not_finite
from zoo.schemes.model import parameter_counts


def stage_summary(stage: Stage, trained: Trained, constants: Constants, seconds: float) -> dict[str, Any]:
    """What is known of one stage that was trained, or only fitted; single numbers its scheme fitted are told."""
    fitted = {name: float(value) for name, value in within(constants, "scheme").items() if np.ndim(value) == 0}
    return {
        "parameters": parameter_counts(trained.model.scheme),
        "steps": trained.steps,
        "examples_seen": 0 if stage.train is None else trained.steps * stage.train.batch_size,
        "converged": trained.verdict is None,
        "reason": None if trained.verdict is None else trained.verdict.reason,
        "kept": trained.kept,
        "kept_step": trained.kept_step,
        "seconds": round(seconds, 1),
        **({"fitted": fitted} if fitted else {}),
    }


def result(
    name: str,
    recipe: Recipe,
    stages: Mapping[str, Mapping[str, Any]],
    evaluation: Mapping[str, Any] | None,
    timing: Mapping[str, Any] | None,
    device: str,
    data: Mapping[str, Any],
    failure: str | None = None,
) -> dict[str, Any]:
    """The whole document; `evaluation` is None where the final stage never came to be, or for the reason `failure`.

    It holds `metrics` and `floor` of generated responses, or `errors` of a model about given ones.
    """
    found = evaluation or {}
    final = recipe.stages[list(recipe.stages)[-1]].model
    reasons = ((stage, _reason(summary)) for stage, summary in stages.items())
    reason = next((f"stage {stage}: {said}" for stage, said in reasons if said), failure)
    return {
        "recipe": name,
        "recipe_digest": digest(recipe),
        "detector": recipe.detector.component,
        "unit": recipe.detector.build().unit,
        "scheme": final.scheme.component,
        "target": final.target.component,
        "seed": recipe.seed,
        "parameters": sum(count for summary in stages.values() for count in summary["parameters"].values()),
        "stages": dict(stages),
        "converged": reason is None and evaluation is not None,
        "reason": reason,
        **{key: found.get(key) for key in ("metrics", "floor", "errors")},
        "evaluated": {key: found[key] for key in ("events", "particles", "repeats") if key in found} or None,
        "time_per_sample_ms": None if timing is None else timing["batch_256"]["median"],
        "timing": timing,
        "device": device,
        "data": dict(data),
        "published": None if recipe.published is None else recipe.published.model_dump(exclude_none=True),
    }


def _reason(summary: Mapping[str, Any]) -> str | None:
    """Why a stage did not converge; older summaries say so only of losses that were not finite."""
    if summary["converged"]:
        return None
    return summary.get("reason") or not_finite(summary["steps"] + 1).reason
