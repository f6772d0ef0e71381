"""Latent flow matching against flow matching in pixels, from the particle to photons.

Builds the models of `z?_latent_fm` and `z?_fm` as their recipes say, with random weights (the time does not depend on
them), and times whole batches of generated responses, the two models in turn (A B A B ...), warm and blocked; prints
milliseconds per response and the ratio pair by pair.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from zoo.data.sources.sample import SampleConfig
from zoo.evaluation.timing import device_description
from zoo.optim.precision import compute_dtype
from zoo.recipe.load import load_recipe
from zoo.schemes.generation import Generator
from zoo.schemes.model import Model
from zoo.typing import Particles

BATCHES = (256, 1)
"""The batch of the papers' timing protocol, and a single particle."""


def sampler(name: str, batch: int) -> Callable[[Particles], Any]:
    """What generates a batch of responses by the model of a shipped recipe; compiled at its first call."""
    recipe = load_recipe(name).recipe
    detector = recipe.detector.build()
    models: dict[str, Model] = {}
    for stage, table in recipe.stages.items():
        constants = table.model.unfitted(detector, models)
        models[stage] = table.model.build(detector, constants, dict(models), key=jax.random.key(0))
    final = list(recipe.stages)[-1]
    generator = Generator(models[final], compute_dtype(recipe.stages[final].precision), chunk=batch)
    return lambda particles: generator(particles, jax.random.key(1))


def timed(sample: Callable[[Particles], Any], particles: Particles) -> float:
    """Milliseconds per response of one call."""
    start = time.perf_counter()
    jax.block_until_ready(sample(particles))
    return 1e3 * (time.perf_counter() - start) / len(particles)


def compared(detector: str, batch: int, repeats: int, particles: Particles) -> dict[str, Any]:
    """Milliseconds per response of both models, and how many times faster the latent one is."""
    latent, pixel = (sampler(f"{detector}_{kind}", batch) for kind in ("latent_fm", "fm"))
    for one in (latent, pixel):
        timed(one, particles)
    pairs = [(timed(pixel, particles), timed(latent, particles)) for _ in range(repeats)]
    ratios = [slow / fast for slow, fast in pairs]
    return {
        "batch": batch,
        "pixel_ms": float(np.median([slow for slow, _ in pairs])),
        "latent_ms": float(np.median([fast for _, fast in pairs])),
        "ratio": float(np.median(ratios)),
        "least": min(ratios),
        "most": max(ratios),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", choices=("zn", "zp"), default="zn")
    parser.add_argument("--batch", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    detector = load_recipe(f"{options.detector}_fm").recipe.detector.build()
    particles = SampleConfig().read(detector).particles
    rows = []
    for batch in options.batch:
        row = compared(options.detector, batch, options.repeats, particles[:batch])
        rows.append(row)
        if not options.json:
            print(
                f"batch {batch:4d}  pixels {row['pixel_ms']:8.3f} ms  latent {row['latent_ms']:8.3f} ms per response  "
                f"ratio {row['ratio']:5.1f} [{row['least']:.1f}, {row['most']:.1f}]",
                flush=True,
            )
    if options.json:
        print(json.dumps({"device": device_description(), "detector": options.detector, "batches": rows}, indent=2))
    else:
        print(f"{options.detector}, {device_description()}")


if __name__ == "__main__":
    main()
