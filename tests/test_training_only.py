"""A model on the shelf lacks what only training needs, and samples all the same."""

from __future__ import annotations

import math
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from zoo.layers.training_only import TrainingOnly, without_training_only
from zoo.recipe.schema import Recipe
from zoo.recipe.sweep import LoadedSweep, load_experiment
from zoo.schemes.model import Model
from zoo.shelf.structure import abstract_models

RECIPES = Path(__file__).parents[1] / "recipes"

ADVERSARIAL = ["zn_gan_pp", "zn_sdi_gan", "zn_gan_aux", "zp_gan"]
"""GANs by themselves, followed by another stage, and with a regressor among their terms."""


def final(name: str) -> tuple[Recipe, Model]:
    experiment = load_experiment(RECIPES / f"{name}.toml")
    assert not isinstance(experiment, LoadedSweep)
    return experiment.recipe, list(abstract_models(experiment.recipe).values())[-1]


def numbers(tree: object) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree) if isinstance(leaf, jax.ShapeDtypeStruct))


def is_marked(node: object) -> bool:
    return isinstance(node, TrainingOnly)


def marked(tree: object) -> list[object]:
    return [node for node in jax.tree.leaves(tree, is_leaf=is_marked) if is_marked(node)]


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_a_stripped_model_is_smaller_and_samples(name: str):
    recipe, model = final(name)
    stripped = without_training_only(model)
    assert marked(model)
    assert not marked(stripped)
    assert numbers(stripped) < numbers(model)
    detector = recipe.detector.build()
    particles = jax.ShapeDtypeStruct((2, len(detector.columns)), jnp.float32)
    sampled = eqx.filter_eval_shape(lambda own, p: own.sample(p, jax.random.key(0)), stripped, particles)
    assert sampled.shape == (2, *detector.shape)


def test_of_a_gan_the_generator_is_left():
    _, model = final("zn_gan")
    own = without_training_only(model).scheme
    assert numbers(own) == numbers(own.generator) == 915_841


def test_a_model_without_such_parts_is_left_alone():
    _, model = final("zn_fm")
    assert eqx.tree_equal(without_training_only(model), model)
