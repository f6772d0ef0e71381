"""The models of a recipe without their weights: structure, shapes and sizes."""

from __future__ import annotations

from collections.abc import Mapping

import equinox as eqx
import jax

from zoo.data.constants import Constants
from zoo.errors import ComponentError
from zoo.recipe.schema import Recipe
from zoo.schemes.model import Model


def abstract_models(recipe: Recipe, constants: Mapping[str, Constants] | None = None) -> dict[str, Model]:
    """The model of every stage with `jax.ShapeDtypeStruct`s for arrays, built in order.

    Nothing is initialised or compiled.

    Args:
        recipe: the experiment.
        constants: the fitted numbers of every stage; neutral ones where absent.

    Raises:
        ComponentError: the parts of a stage do not fit together.
    """
    detector = recipe.detector.build()
    models: dict[str, Model] = {}
    for name, stage in recipe.stages.items():
        config = stage.model
        try:
            fitted = config.unfitted(detector, models) if constants is None else constants[name]
            models[name] = eqx.filter_eval_shape(
                # The constants are closed over, so that what a component makes of them stays a plain number.
                lambda earlier, config=config, fitted=fitted: config.build(
                    detector, fitted, earlier, key=jax.random.key(0)
                ),
                dict(models),
            )
        except ComponentError as error:
            raise ComponentError(f"stage {name}: {error}") from error
    return models
