"""What surrounds cuDNN's attention: sizes filled up and cut again; the kernel itself needs a GPU."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.layers import fused_attention
from zoo.layers.fused_attention import attend_fused, fuses
from zoo.layers.softmax_attention import attend_batched

SIZES = [(484, 485, 6), (9, 9, 8), (8, 8, 3), (3, 7, 16)]


def given(queries: int, tokens: int, size: int) -> list[jax.Array]:
    shapes = ((2, 2, queries, size), (2, 2, tokens, size), (2, 2, tokens, size))
    return [jax.random.normal(jax.random.key(n), shape) for n, shape in enumerate(shapes)]


@pytest.mark.parametrize("sizes", SIZES)
def test_filling_up_changes_nothing(sizes: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch):
    arrays = given(*sizes)
    asked = {}

    def plain(*arguments: jax.Array, implementation: str, **keys: object) -> jax.Array:
        asked.update(implementation=implementation, shapes=[x.shape for x in arguments])
        return real(*arguments, implementation="xla", **keys)  # pyright: ignore[reportArgumentType]

    real = jax.nn.dot_product_attention
    monkeypatch.setattr(fused_attention.jax.nn, "dot_product_attention", plain)
    np.testing.assert_allclose(attend_fused(*arrays), attend_batched(*arrays), atol=1e-5)
    assert asked["implementation"] == "cudnn"
    assert all(tokens % 2 == 0 and size % 8 == 0 for _, tokens, _, size in asked["shapes"])
    ours, expected = (
        jax.grad(lambda *x, attend=attend: jnp.sum(jnp.sin(attend(*x))), argnums=(0, 1, 2))(*arrays)
        for attend in (attend_fused, attend_batched)
    )
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


class Device:
    def __init__(self, capability: str) -> None:
        self.compute_capability = capability


@pytest.mark.parametrize(
    ("backend", "capability", "dtype", "tokens", "size", "expected"),
    [
        ("gpu", "9.0", "bfloat16", 485, 6, True),
        ("gpu", "8.0", "float16", 485, 6, True),
        ("gpu", "7.0", "bfloat16", 485, 6, False),
        ("gpu", "9.0", "float32", 485, 6, False),
        ("gpu", "9.0", "bfloat16", 36, 32, False),
        ("gpu", "9.0", "bfloat16", 485, 256, False),
        ("cpu", "9.0", "bfloat16", 485, 6, False),
    ],
)
def test_the_kernel_is_taken_where_there_is_one_and_it_pays(
    backend: str, capability: str, dtype: str, tokens: int, size: int, expected: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fused_attention.jax, "default_backend", lambda: backend)
    monkeypatch.setattr(fused_attention.jax, "devices", lambda: [Device(capability)])
    query, key, _ = (x.astype(dtype) for x in given(tokens, tokens, size))
    assert fuses(query, key) is expected
