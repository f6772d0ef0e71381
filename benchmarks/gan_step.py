"""What a training step of a GAN costs beside the forward and backward passes of its players.

Times one step of a recipe as the runner takes it (both players, optimizers, averages, checks, data from the host) and
in turn with it (A B A B ...) the gradients of every player's loss alone, compiled one by one, on the same events;
prints both and the ratio, pair by pair. Below 1: what the players have in common is computed once in a step.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from zoo.data.splits import split_events
from zoo.evaluation.timing import device_description
from zoo.recipe.load import load_recipe
from zoo.runner.state import owned_by
from zoo.runner.trainer import StageData, Trainer

RECIPES = Path(__file__).parents[1] / "recipes"


def seconds(task: Callable[[], Any]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    jax.block_until_ready(task())
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="zn_gan_pp_cpu")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    settings = [f"stages.gan.train.batch_size={options.batch}", "stages.gan.train.steps_per_dispatch=1"]
    recipe = load_recipe(RECIPES / f"{options.recipe}.toml", settings).recipe
    detector = recipe.detector.build()
    events = recipe.data.events(detector)
    split = split_events(events, recipe.data.split)
    data = StageData(events[split.train], events[split.validation])
    stage = recipe.stages["gan"]
    trainer = Trainer("gan", stage, detector, data, stage.model.fit(detector, data.train), {}, recipe.seed)
    state = trainer.start()
    model, key, rows = trainer.model, jax.random.key(0), np.arange(options.batch)
    raw = jnp.asarray(data.train.counts[rows]), jnp.asarray(data.train.particles[rows], jnp.float32)

    def gradient(player: str) -> Callable[[], Any]:
        owned, rest = eqx.partition(model, owned_by(model, model.scheme.players()[player]))

        @eqx.filter_jit
        def pull(owned: Any, rest: Any) -> Any:
            def loss(owned: Any) -> Any:
                whole = eqx.combine(owned, rest)
                return whole.scheme.loss(player, whole.batch(*raw, key), key).value

            return eqx.filter_value_and_grad(loss)(owned)

        return lambda: pull(owned, rest)

    gradients = [gradient(player) for player in model.scheme.players()]
    step = 0

    def stepped() -> Any:
        nonlocal state, step
        state, progress = trainer.advance(state, step, 1)
        step += 1
        return progress

    for task in (stepped, *gradients):
        task()
    pairs = [(seconds(stepped), sum(seconds(task) for task in gradients)) for _ in range(options.repeats)]
    ratios = [whole / parts for whole, parts in pairs]
    whole, parts = np.median(pairs, axis=0)
    print(
        f"{options.recipe}, batch {options.batch}: step {1e3 * whole:.0f} ms, gradients alone {1e3 * parts:.0f} ms, "
        f"ratio {np.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}] on {device_description()}"
    )


if __name__ == "__main__":
    main()
