"""Our U-Net against the published formulation of the same network on the same weights.

Times the forward pass, a training step (flow-matching loss, gradient, Adam) and the 11-step Euler sampler, the two
formulations in turn (A B A B ...), warm and blocked; prints wall and CPU time per sample and the ratio pair by pair.

Each formulation has a process of its own, since JAX decides once how many devices a CPU is. The published one is one
device on all cores, as it would be run; ours has a device per core where that divides the batch (`--devices 1`: as the
other), as `zoo run` has.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

SHAPES = {"zn": (44, 44), "zp": (56, 30)}
STEPS = 11
TASKS = ("forward", "training step", f"{STEPS}-step sampler")


def tasks(formulation: str, detector: str, batch: int, devices: int) -> dict[str, Callable[[], Any]]:
    """The three tasks of one formulation, ready to be called."""
    import jax

    jax.config.update("jax_num_cpu_devices", devices)
    import equinox as eqx
    import jax.numpy as jnp
    import optax
    from published_unet import published_forward

    from zoo.architectures.unet import UNetConfig
    from zoo.layers.placement import Placement

    shape = SHAPES[detector]
    unet = UNetConfig().build(shape=shape, in_channels=1, out_channels=1, features=9, key=jax.random.key(1))
    keys = jax.random.split(jax.random.key(0), 4)
    x = jax.random.normal(keys[0], (batch, *shape, 1))
    noise = jax.random.normal(keys[1], x.shape)
    times = jax.random.uniform(keys[2], (batch,))
    features = jax.random.normal(keys[3], (batch, 9))
    weights, static = eqx.partition(unet, eqx.is_inexact_array)
    adam = optax.adam(1e-4)
    placement = Placement(devices)

    def forward(weights: Any, x: Any, times: Any, features: Any) -> Any:
        network = eqx.combine(weights, static)
        return network(x, times, features) if formulation == "ours" else published_forward(network, x, times, features)

    def pull(weights: Any, events: Any, key: Any) -> Any:
        del key
        x, noise, times, features = events

        def loss(weights: Any) -> Any:
            t = times[:, None, None, None]
            velocity = forward(weights, (1 - t) * noise + t * x, times, features)
            return jnp.mean(jnp.square(velocity - (x - noise)))

        return jax.value_and_grad(loss)(weights)

    def step(weights: Any, state: Any, events: Any) -> Any:
        value, gradient = placement.mean(pull, weights, events, keys[0])
        update, state = adam.update(gradient, state)
        return value, eqx.apply_updates(weights, update), state

    def sample(weights: Any, item: Any) -> Any:
        noise, features = item

        def euler(x: Any, t: Any) -> Any:
            return x + forward(weights, x, jnp.full(len(x), t), features) / STEPS, None

        return jax.lax.scan(euler, noise, jnp.arange(STEPS) / STEPS)[0]

    everywhere = placement.everywhere(weights)
    events = placement.parted((x, noise, times, features), axis=0)
    items = placement.parted([a.reshape(devices, -1, *a.shape[1:]) for a in (x, noise, times, features)], axis=0)
    once = jax.jit(lambda weights, item: placement.each(lambda w, i: forward(w, i[0], i[2], i[3]), weights, item))
    sampled = jax.jit(lambda weights, item: placement.each(lambda w, i: sample(w, (i[1], i[3])), weights, item))
    calls = (
        partial(once, everywhere, items),
        partial(jax.jit(step), everywhere, placement.everywhere(adam.init(weights)), events),
        partial(sampled, everywhere, items),
    )
    return {name: partial(_blocked, call) for name, call in zip(TASKS, calls, strict=True)}


def _blocked(call: Callable[[], Any]) -> None:
    import jax

    jax.block_until_ready(call())


def work(asked: Connection, formulation: str, detector: str, batch: int, devices: int) -> None:
    """Answer every name of a task with the (wall, CPU) seconds of one call, until None is asked."""
    ready = tasks(formulation, detector, batch, devices)
    while (name := asked.recv()) is not None:
        wall, cpu = time.perf_counter(), time.process_time()
        ready[name]()
        asked.send((time.perf_counter() - wall, time.process_time() - cpu))


def fitting(batch: int) -> int:
    """The most cores that share the batch equally, eight events each at least."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max((n for n in range(1, cores + 1) if batch % n == 0 and batch // n >= 8), default=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", choices=SHAPES, default="zn")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument(
        "--devices", type=int, help="devices of our formulation (default: the cores that share a batch)"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    devices = options.devices or fitting(options.batch)
    context = multiprocessing.get_context("spawn")
    pipes = {}
    for formulation, number in (("published", 1), ("ours", devices)):
        pipes[formulation], end = context.Pipe()
        arguments = (end, formulation, options.detector, options.batch, number)
        context.Process(target=work, args=arguments, daemon=True).start()

    def timed(formulation: str, name: str) -> tuple[float, float]:
        pipes[formulation].send(name)
        return pipes[formulation].recv()

    rows = []
    for name in TASKS:
        timed("ours", name), timed("published", name)
        pairs = [(timed("published", name), timed("ours", name)) for _ in range(options.repeats)]
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
    for pipe in pipes.values():
        pipe.send(None)
    from zoo.evaluation.timing import device_description

    if options.json:
        about = {"device": device_description(), "devices": devices, "batch": options.batch}
        print(json.dumps(about | {"tasks": rows}, indent=2))
    else:
        print(f"{options.detector}, batch {options.batch}, ours on {devices} of {device_description()}")


if __name__ == "__main__":
    main()
