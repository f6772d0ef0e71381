"""Time per generated sample, and the device it was measured on."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np


def time_per_sample(
    sample: Callable[[], object], batch: int, *, repeats: int = 5, warmup: int = 1
) -> dict[str, float | int]:
    """Wall time of one sample, in milliseconds, when `batch` of them are made at once.

    Blocks until the result is there, which the published timing script does not; what compiles does so in the `warmup`
    calls, which are not counted.

    Args:
        sample: makes one batch; may return any pytree of arrays.
        batch: samples made by a call.
        repeats: calls that are timed.
        warmup: calls before.

    Returns:
        `median`, `min` and `max` over the calls, with `batch` and `repeats`.
    """
    import jax

    for _ in range(warmup):
        jax.block_until_ready(sample())
    milliseconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(sample())
        milliseconds.append(1e3 * (time.perf_counter() - start) / batch)
    median, least, most = float(np.median(milliseconds)), min(milliseconds), max(milliseconds)
    return {"median": median, "min": least, "max": most, "batch": batch, "repeats": repeats}


def seconds_for(
    number: int, sample: Callable[[], object], batch: int, *, repeats: int = 5, warmup: int = 2
) -> dict[str, float | int]:
    """Seconds that `number` samples take by the protocol of the FoCal paper: so many times the fastest batch.

    The paper: 10,240 responses, batches of 1,024, the fastest of them, so that other programs on the machine have
    little say in it.

    Returns:
        `seconds`, with `batch`.
    """
    fastest = time_per_sample(sample, batch, repeats=repeats, warmup=warmup)["min"]
    return {"seconds": 1e-3 * fastest * number, "batch": batch}


def device_description() -> str:
    """Platform and kind of the first device, and the processor threads this process may use.

    For example `cpu: AMD EPYC 9B14, 2 threads` or `gpu: NVIDIA A100-SXM4-40GB, 8 threads`.
    """
    import jax

    device = jax.devices()[0]
    kind = _processor() if device.platform == "cpu" else device.device_kind
    threads = _threads()
    return f"{device.platform}: {kind}, {threads} thread{'s' if threads != 1 else ''}"


def _processor() -> str:
    """The processor's name as the kernel gives it; elsewhere its architecture."""
    listing = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.+)$", listing.read_text(), re.MULTILINE) if listing.is_file() else None
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def _threads() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
