"""Which of two formulations of the same arithmetic to trace: the CPU's or the accelerator's."""

from __future__ import annotations

import jax


def on_cpu() -> bool:
    """Whether computations run on the CPU, where XLA rewards other formulations than on a GPU or TPU."""
    return jax.default_backend() == "cpu"
