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
from zoo.schemes.model import Model, computing
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


def sampled_shape(recipe: Recipe, model: Model) -> tuple[int, ...]:
    columns = len(recipe.detector.build().columns)
    particles = jax.ShapeDtypeStruct((2, columns), jnp.float32)
    return eqx.filter_eval_shape(lambda own, p: own.sample(p, jax.random.key(0)), model, particles).shape


def array_names(model: Model) -> list[str]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(model)
    return [jax.tree_util.keystr(path) for path, leaf in leaves if isinstance(leaf, jax.ShapeDtypeStruct)]


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_a_stripped_model_is_smaller_and_samples(name: str):
    recipe, model = final(name)
    stripped = without_training_only(model)
    assert marked(model)
    assert not marked(stripped)
    assert numbers(stripped) < numbers(model)
    assert sampled_shape(recipe, stripped) == (2, *recipe.detector.build().shape)


def test_of_a_gan_the_generator_is_left():
    _, model = final("zn_gan")
    own = without_training_only(model)
    assert numbers(own.scheme) == numbers(own.scheme.generator) == 915_841
    halved = eqx.filter_eval_shape(lambda own: computing(own, jnp.dtype("bfloat16")), own)
    assert halved.scheme.generator is not None
    assert jnp.dtype("bfloat16") in {leaf.dtype for leaf in jax.tree.leaves(halved) if hasattr(leaf, "dtype")}


def test_a_model_without_such_parts_is_left_alone():
    _, model = final("zn_fm")
    assert eqx.tree_equal(without_training_only(model), model)


@pytest.mark.parametrize("name", ["zn_supervised_ae_cnn", "zn_latent_fm", "zn_vq_vae_gen"])
def test_encoders_of_responses_stay_behind(name: str):
    recipe, model = final(name)
    stripped = without_training_only(model)
    assert numbers(stripped) < numbers(model)
    assert not any(".encoder." in path for path in array_names(stripped))
    assert sampled_shape(recipe, stripped) == (2, *recipe.detector.build().shape)
