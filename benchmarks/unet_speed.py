"""Our U-Net against the published formulation of the same network on the same weights.

Times the forward pass, a training step (flow-matching loss, gradient, Adam) and the 11-step Euler sampler, the two
formulations in turn (A B A B ...), warm and blocked; prints wall and CPU time per sample and the ratio pair by pair.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from published_unet import published_forward

from zoo.architectures.unet import UNetConfig
from zoo.evaluation.timing import device_description

SHAPES = {"zn": (44, 44), "zp": (56, 30)}
STEPS = 11


def tasks(forward: Callable[..., Any], unet: Any, shape: tuple[int, int], batch: int) -> dict[str, Callable[[], Any]]:
    """The three tasks of one formulation; `forward(unet, x, time, features)`."""
    keys = jax.random.split(jax.random.key(0), 4)
    x = jax.random.normal(keys[0], (batch, *shape, 1))
    noise = jax.random.normal(keys[1], x.shape)
    times = jax.random.uniform(keys[2], (batch,))
    features = jax.random.normal(keys[3], (batch, 9))
    weights, static = eqx.partition(unet, eqx.is_inexact_array)
    adam = optax.adam(1e-4)
    state = adam.init(weights)

    def loss(weights: Any) -> Any:
        t = times[:, None, None, None]
        velocity = forward(eqx.combine(weights, static), (1 - t) * noise + t * x, times, features)
        return jnp.mean(jnp.square(velocity - (x - noise)))

    def step(weights: Any, state: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(weights)
        update, state = adam.update(gradient, state)
        return value, eqx.apply_updates(weights, update), state

    def sample(weights: Any) -> Any:
        network = eqx.combine(weights, static)

        def euler(x: Any, t: Any) -> Any:
            return x + forward(network, x, jnp.full(batch, t), features) / STEPS, None

        return jax.lax.scan(euler, noise, jnp.arange(STEPS) / STEPS)[0]

    once = jax.jit(lambda weights: forward(eqx.combine(weights, static), x, times, features))
    compiled = {"forward": once, "training step": jax.jit(step), f"{STEPS}-step sampler": jax.jit(sample)}
    return {
        name: partial(task, weights, state) if name == "training step" else partial(task, weights)
        for name, task in compiled.items()
    }


def timed(task: Callable[[], Any]) -> tuple[float, float]:
    """Wall and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    jax.block_until_ready(task())
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", choices=SHAPES, default="zn")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    shape = SHAPES[options.detector]
    unet = UNetConfig().build(shape=shape, in_channels=1, out_channels=1, features=9, key=jax.random.key(1))
    ours = tasks(lambda net, *inputs: net(*inputs), unet, shape, options.batch)
    published = tasks(published_forward, unet, shape, options.batch)
    rows = []
    for name in ours:
        timed(ours[name]), timed(published[name])
        pairs = [(timed(published[name]), timed(ours[name])) for _ in range(options.repeats)]
        row: dict[str, Any] = {"task": name}
        for number, clock in enumerate(("wall", "cpu")):
            ratios = [slow[number] / fast[number] for slow, fast in pairs]
            row[clock] = {
                "published_ms": 1e3 * float(np.median([slow[number] for slow, _ in pairs])) / options.batch,
                "ours_ms": 1e3 * float(np.median([fast[number] for _, fast in pairs])) / options.batch,
                "ratio": float(np.median(ratios)),
                "least": min(ratios),
                "most": max(ratios),
            }
        rows.append(row)
        if not options.json:
            for clock in ("wall", "cpu"):
                r = row[clock]
                print(
                    f"{name:16s} {clock:4s}  published {r['published_ms']:8.2f} ms  ours {r['ours_ms']:8.2f} ms per "
                    f"sample  ratio {r['ratio']:5.2f} [{r['least']:.2f}, {r['most']:.2f}]",
                    flush=True,
                )
    if options.json:
        print(json.dumps({"device": device_description(), "batch": options.batch, "tasks": rows}, indent=2))
    else:
        print(f"{options.detector}, batch {options.batch}, {device_description()}")


if __name__ == "__main__":
    main()
