"""Codes that are made once before the training are those of every step."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_recipes_run import small

from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.recipe.load import with_values
from zoo.recipe.schema import Recipe
from zoo.runner.trainer import StageData, Trainer
from zoo.schemes.examination import Encoder
from zoo.schemes.model import Model
from zoo.schemes.scheme import Encoding

KEY = jax.random.key(0)


def last_stage(recipe: Recipe, detector: Detector, events: Events) -> Trainer:
    """The last stage ready to train, after earlier ones that never were."""
    data = StageData(events[:40], events[40:])
    earlier: dict[str, Model] = {}
    *before, last = recipe.stages
    for name in before:
        config = recipe.stages[name].model
        earlier[name] = config.build(detector, config.fit(detector, data.train, earlier), earlier, key=KEY)
    stage = recipe.stages[last]
    constants = stage.model.fit(detector, data.train, earlier)
    return Trainer(last, stage, detector, data, constants, earlier, recipe.seed)


def test_a_step_on_codes_is_a_step_on_events(zn: Detector, zn_events: Events):
    moved = {}
    for beforehand in (False, True):
        trainer = last_stage(small("zn_vq_vae_gen"), zn, zn_events)
        if beforehand:
            trainer.encode(lambda parts: iter(parts))
        state, progress = trainer.advance(trainer.start(), 0, 1)
        assert bool(progress.healthy)
        moved[beforehand] = (float(progress.metrics["loss"]), jax.tree.leaves(eqx.filter(state.model, eqx.is_array)))
    assert moved[True][0] == pytest.approx(moved[False][0], rel=1e-5)
    for one, other in zip(moved[True][1], moved[False][1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_every_event_has_its_own_code(zn: Detector, zn_events: Events):
    model = last_stage(small("zn_latent_fm"), zn, zn_events).model
    whole, blocks = (
        np.concatenate([code for _, code in Encoder(model, jnp.dtype("float32"), chunk).chunks(zn_events, KEY)])
        for chunk in (len(zn_events), 16)
    )
    np.testing.assert_allclose(blocks, whole, rtol=1e-4, atol=1e-6)
    assert len(np.unique(whole.reshape(len(whole), -1), axis=0)) == len(np.unique(zn_events.counts, axis=0))


def test_codes_of_noisy_transforms_are_made_anew(zn: Detector, zn_events: Events):
    recipe = small("zn_latent_fm")
    assert isinstance(last_stage(recipe, zn, zn_events).model.scheme, Encoding)
    assert last_stage(recipe, zn, zn_events).model.scheme.fixed
    noisy = {f"stages.{name}.model.target.transforms": ["dequantise", "log1p"] for name in recipe.stages}
    trainer = last_stage(with_values(recipe, noisy), zn, zn_events)
    assert not trainer.model.scheme.fixed
