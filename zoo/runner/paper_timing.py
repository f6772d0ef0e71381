"""The timing protocol of the FoCal paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zoo.data.events import Events
from zoo.evaluation.timing import seconds_for
from zoo.recipe.schema import PublishedConfig
from zoo.schemes.generation import Generator
from zoo.typing import Key

RESPONSES, BATCH = 10_240, 1024
"""Of the paper: "measuring only the generative pipeline execution", the fastest batch, scaled."""

LONGEST = 10.0
"""Seconds of a batch of that size, from which on the fastest of the smaller batches stands for it."""


def paper_timing(
    published: PublishedConfig | None,
    times: Mapping[str, Any],
    generator: Callable[[int], Generator],
    test: Events,
    key: Key,
) -> dict[str, Any]:
    """`seconds_10240`, where the recipe quotes a paper's; nothing where it quotes none.

    Args:
        published: what the recipe quotes.
        times: the zoo's own timing, as `timing` gives it.
        generator: batch to a generator of the model.
        test: where particles are taken from.
        key: of the noise.
    """
    if published is None or published.seconds_10240 is None:
        return {}
    known = times["batch_256"]
    if 1e-3 * known["min"] * BATCH > LONGEST:
        return {"seconds_10240": {"seconds": 1e-3 * known["min"] * RESPONSES, "batch": known["batch"]}}
    one, particles = generator(BATCH), test.particles[np.arange(BATCH) % len(test)]
    return {"seconds_10240": seconds_for(RESPONSES, lambda: one(particles, key), BATCH)}
