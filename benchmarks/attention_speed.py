"""cuDNN's attention against the batched formulation, on an NVIDIA GPU in bfloat16: time, and error against float32.

Prints, for the sizes that the networks have, milliseconds of the forward pass and of forward and gradients, the two
formulations in turn, and the relative errors of both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.evaluation.timing import device_description
from zoo.layers.fused_attention import attend_fused
from zoo.layers.softmax_attention import attend_batched

SIZES = [(128, 2, 485, 6), (128, 2, 122, 8), (256, 4, 36, 32)]
"""Batch, heads, tokens, features: both levels of the U-Net, the transformers."""
FORMULATIONS = {"batched": attend_batched, "fused": attend_fused}
REPEATS, CALLS = 5, 20


def with_gradients(attend: Callable[..., jax.Array]) -> Callable[..., Any]:
    def loss(query: Any, key: Any, value: Any, pull: Any) -> Any:
        return jnp.sum((attend(query, key, value) * pull).astype(jnp.float32))

    return jax.jit(jax.grad(loss, argnums=(0, 1, 2)))


def milliseconds(task: Callable[..., Any], *arguments: Any) -> float:
    start = time.perf_counter()
    for _ in range(CALLS):
        found = task(*arguments)
    jax.block_until_ready(found)
    return 1e3 * (time.perf_counter() - start) / CALLS


def error(found: Any, expected: Any) -> float:
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    return max(float(jnp.linalg.norm(a.astype(jnp.float32) - b) / jnp.linalg.norm(b)) for a, b in pairs)


def main() -> None:
    print(device_description())
    for size in SIZES:
        exact = [jax.random.normal(key, size) for key in jax.random.split(jax.random.key(1), 4)]
        low = [x.astype(jnp.bfloat16) for x in exact]
        forward = {name: jax.jit(attend) for name, attend in FORMULATIONS.items()}
        gradient = {name: with_gradients(attend) for name, attend in FORMULATIONS.items()}
        expected = attend_batched(*exact[:3]), with_gradients(attend_batched)(*exact)
        for name in FORMULATIONS:
            milliseconds(forward[name], *low[:3])
            milliseconds(gradient[name], *low)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in FORMULATIONS}
        for _ in range(REPEATS):
            for name, rows in times.items():
                rows.append((milliseconds(forward[name], *low[:3]), milliseconds(gradient[name], *low)))
        for name, rows in times.items():
            one, both = np.median(rows, axis=0)
            errors = error(forward[name](*low[:3]), expected[0]), error(gradient[name](*low), expected[1])
            print(
                f"{size!s:18s} {name:8s} forward {one:7.3f} ms  gradients {both:7.3f} ms  "
                f"errors {errors[0]:.4f} {errors[1]:.4f}"
            )


if __name__ == "__main__":
    main()
