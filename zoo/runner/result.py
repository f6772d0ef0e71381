"""`result.json`: what a finished run says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.recipe.resolved import digest
from zoo.recipe.schema import Recipe
from zoo.schemes.model import Model, parameter_counts


def stage_summary(model: Model, steps: int, batch_size: int, healthy: bool, seconds: float) -> dict[str, Any]:
    """What is known of one trained stage."""
    return {
        "parameters": parameter_counts(model.scheme),
        "steps": steps,
        "examples_seen": steps * batch_size,
        "converged": healthy,
        "seconds": round(seconds, 1),
    }


def result(
    name: str,
    recipe: Recipe,
    stages: Mapping[str, Mapping[str, Any]],
    evaluation: Mapping[str, Any] | None,
    timing: Mapping[str, Any] | None,
    device: str,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """The whole document; `evaluation` is None where the final stage never produced finite responses."""
    final = recipe.stages[list(recipe.stages)[-1]].model
    reason = next(
        (
            f"stage {stage}: loss or gradient not finite at step {summary['steps'] + 1}"
            for stage, summary in stages.items()
            if not summary["converged"]
        ),
        None,
    )
    return {
        "recipe": name,
        "recipe_digest": digest(recipe),
        "detector": recipe.detector.component,
        "scheme": final.scheme.component,
        "target": final.target.component,
        "seed": recipe.seed,
        "parameters": sum(count for summary in stages.values() for count in summary["parameters"].values()),
        "stages": dict(stages),
        "converged": reason is None and evaluation is not None,
        "reason": reason,
        "metrics": None if evaluation is None else evaluation["metrics"],
        "floor": None if evaluation is None else evaluation["floor"],
        "evaluated": None
        if evaluation is None
        else {"events": evaluation["events"], "particles": evaluation["particles"], "repeats": evaluation["repeats"]},
        "time_per_sample_ms": None if timing is None else timing["batch_256"]["median"],
        "timing": timing,
        "device": device,
        "data": dict(data),
        "published": None if recipe.published is None else recipe.published.model_dump(exclude_none=True),
    }
