"""A normalizing flow inverted for all pixels at once against pixel after pixel, with the weights of a trained model.

Prints the passes through the networks and the seconds that both take for a batch of responses, the ratio, and the
largest deviation between the two.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from zoo.evaluation.timing import device_description
from zoo.schemes.normalizing_flows.normalizing_flow import NormalizingFlow
from zoo.shelf.finished_run import FinishedRun
from zoo.shelf.load import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a run directory, or a name on the shelf")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3, help="of the inversion at once")
    options = parser.parse_args()
    path = Path(options.model)
    surrogate = FinishedRun.open(path).surrogate() if FinishedRun.is_run(path) else load(options.model, None)
    scheme = surrogate.model.scheme
    if not isinstance(scheme, NormalizingFlow):
        parser.error(f"{options.model} is no normalizing flow")
    events = surrogate.recipe.data.events(surrogate.detector)[: options.batch]
    condition = surrogate.model.condition(jnp.asarray(events.particles, jnp.float32))
    context = scheme.photons.context(condition, jnp.asarray(events.counts.sum(axis=(1, 2)), jnp.float32))
    z = jax.random.normal(jax.random.key(0), (options.batch, scheme.fractions.size))
    at_once = eqx.filter_jit(lambda: scheme.network.invert(z, context))
    found = jax.block_until_ready(at_once())
    seconds = []
    for _ in range(options.repeats):
        start = time.perf_counter()
        jax.block_until_ready(at_once())
        seconds.append(time.perf_counter() - start)
    in_order = eqx.filter_jit(lambda: scheme.network.invert_in_order(z, context)).lower().compile()
    start = time.perf_counter()
    slow = jax.block_until_ready(in_order())
    sequential, parallel = time.perf_counter() - start, float(np.median(seconds))
    passes = len(scheme.network.blocks) * scheme.fractions.size
    print(f"{options.model}, {options.batch} responses, {device_description()}")
    print(f"at once         {int(found.passes):6d} passes {parallel:9.3f} s")
    print(f"in order        {passes:6d} passes {sequential:9.3f} s   {sequential / parallel:.0f} times as long")
    print(f"largest deviation between them {float(jnp.max(jnp.abs(found.vectors - slow))):.2e}")
    print(f"largest error of a normal number, there and back {float(found.error.max()):.2e}")


if __name__ == "__main__":
    main()
