"""How many devices share the batches of a run: found at its start, and written into its resolved recipe."""

from __future__ import annotations

import os

import jax

from zoo.errors import RecipeError
from zoo.recipe.load import with_values
from zoo.recipe.schema import Recipe

EVENTS_PER_CORE = 8
"""Fewest events of a batch that are worth a core of their own."""


def open_devices(recipe: Recipe) -> None:
    """Have JAX show the processor's cores as devices, where the stages of the recipe can share their batches.

    JAX reads this once, with its first computation; in a process that computed already its devices are what they are.
    A recipe that cannot use them keeps one device, whose operations then run on all cores.
    """
    trained = [stage.train for stage in recipe.stages.values() if stage.train]
    free = _cores() if _shareable(recipe) else 1
    wanted = max((train.devices or _fitting(train.batch_size, free) for train in trained), default=1)
    if wanted == 1:
        return
    # A thread that waits for another longer than this is taken for stuck: a laptop may sleep in between.
    patience = "--xla_cpu_collective_call_terminate_timeout_seconds=86400"
    if patience not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {patience}".strip()
    try:
        jax.config.update("jax_num_cpu_devices", wanted)
    except RuntimeError:
        return


def with_devices(recipe: Recipe) -> Recipe:
    """The recipe with the number of devices of every trained stage that does not say it and can use several cores.

    Of several accelerators one is used, unless the recipe says otherwise: they may be other people's.
    """
    if jax.default_backend() != "cpu":
        return recipe
    values = {
        f"stages.{name}.train.devices": devices
        for name, stage in recipe.stages.items()
        if stage.train is not None
        and stage.train.devices is None
        and _shareable(recipe)
        and (devices := _fitting(stage.train.batch_size, jax.local_device_count())) > 1
    }
    return with_values(recipe, values) if values else recipe


def sharing(recipe: Recipe) -> int:
    """How many devices generate at the same time: as many as train."""
    return max((stage.train.devices or 1 for stage in recipe.stages.values() if stage.train), default=1)


def check_devices(recipe: Recipe) -> None:
    """Refuse a recipe that asks for what cannot be had.

    Raises:
        RecipeError: more devices than there are, a batch that they cannot share equally, or a loss that cannot be
            shared.
    """
    there = jax.local_device_count()
    for name, stage in recipe.stages.items():
        devices = stage.train.devices or 1 if stage.train else 1
        key = f"stages.{name}.train.devices: {devices}"
        if devices > 1 and not stage.model.scheme.separable:
            raise RecipeError([f"{key}; the loss of scheme {stage.model.scheme.component!r} needs the whole batch: 1"])
        if devices > there:
            raise RecipeError([f"{key}; there {'is' if there == 1 else 'are'} {there}"])
        if stage.train and stage.train.batch_size % devices:
            raise RecipeError([f"{key}; they cannot share a batch of {stage.train.batch_size} equally"])


def _shareable(recipe: Recipe) -> bool:
    """Whether every trained stage can be shared: one that cannot needs all cores for its one device."""
    return all(stage.model.scheme.separable for stage in recipe.stages.values() if stage.train)


def _fitting(batch_size: int, there: int) -> int:
    """The most cores that share a batch equally with enough for each."""
    fits = (n for n in range(1, there + 1) if batch_size % n == 0 and batch_size // n >= EVENTS_PER_CORE)
    return max(fits, default=1)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
