"""How close the ViT decoder of the GANs (D = 128, 4 blocks, condition token) comes to the speed of its matrix products.

Counts the operations of all its products, times its forward pass, and in turn with it (A B A B ...) a plain product
of the size of its largest layers; prints both rates and the fraction, pair by pair.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from zoo.architectures.vit import ViTConfig
from zoo.evaluation.timing import device_description

SHAPES = {"zn": (44, 44), "zp": (56, 30)}
FEATURES = 9


def operations(config: ViTConfig, tokens: int) -> int:
    """Multiplications and additions in the products of one decoder pass per image."""
    width, hidden, pixels = config.width, config.expansion * config.width, config.patch**2
    all_tokens = tokens + 1
    dense = all_tokens * (4 * width * width + 2 * width * hidden)
    attention = 2 * all_tokens * all_tokens * width
    ends = tokens * (config.pre_size * width + width * pixels) + FEATURES * width
    return 2 * (config.blocks * (dense + attention) + ends)


def seconds(task: Callable[[], Any]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    jax.block_until_ready(task())
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", choices=SHAPES, default="zn")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    config, shape, batch = ViTConfig(width=128), SHAPES[options.detector], options.batch
    tokens = config.decoder_tokens(shape)
    keys = jax.random.split(jax.random.key(0), 5)
    decoder = config.build_decoder(shape=shape, token_size=config.pre_size, features=FEATURES, key=keys[0])
    inputs = jax.random.normal(keys[1], (batch, tokens, config.pre_size)), jax.random.normal(keys[2], (batch, FEATURES))
    forward = eqx.filter_jit(lambda decoder, tokens, features: decoder(tokens, features, key=None)[0])
    rows = jax.random.normal(keys[3], (batch * (tokens + 1), config.width))
    matrix = jax.random.normal(keys[4], (config.width, config.expansion * config.width))
    product = jax.jit(jnp.matmul)

    work = {
        "decoder": (lambda: forward(decoder, *inputs), batch * operations(config, tokens)),
        "product": (lambda: product(rows, matrix), 2 * rows.shape[0] * matrix.size),
    }
    for task, _ in work.values():
        seconds(task)
    rates = {name: [] for name in work}
    for _ in range(options.repeats):
        for name, (task, number) in work.items():
            rates[name].append(1e-9 * number / seconds(task))
    fractions = np.divide(rates["decoder"], rates["product"])
    result = {
        "device": device_description(),
        "detector": options.detector,
        "batch": batch,
        "decoder_gflops": float(np.median(rates["decoder"])),
        "product_gflops": float(np.median(rates["product"])),
        "fraction": float(np.median(fractions)),
        "quartiles": np.quantile(fractions, [0.25, 0.75]).tolist(),
        "samples_per_second": 1e9 * float(np.median(rates["decoder"])) / operations(config, tokens),
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return
    low, high = result["quartiles"]
    print(f"decoder {result['decoder_gflops']:6.1f} GFLOP/s, {result['samples_per_second']:.0f} responses per second")
    print(f"product {result['product_gflops']:6.1f} GFLOP/s, {rows.shape} x {matrix.shape}")
    print(f"fraction {result['fraction']:.2f} [quartiles {low:.2f}, {high:.2f}]")
    print(f"{options.detector}, batch {batch}, {result['device']}")


if __name__ == "__main__":
    main()
