"""What the shelf says of the papers' question: channel sums straight from the particle, or by way of the response?"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

REGISTRY = Path(__file__).parents[1] / "registry"
CARDS = {file.stem: tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(REGISTRY.glob("*.toml"))}
DIRECT = [name for name in CARDS if "_channels_" in name]


def wasserstein(name: str) -> float:
    return float(CARDS[name]["metrics"]["wasserstein"]["mean"])


@pytest.mark.parametrize("name", DIRECT)
def test_direct_estimation_is_worse_than_the_best_full_simulation(name: str):
    assert wasserstein(name) > 1.5 * wasserstein(f"{name[:2]}_fm_factorised")


def test_every_direct_estimator_is_there_for_both_detectors():
    kinds = {"linear", "tree", "knn", "svr", "mlp", "mlp_fm", "gboost"}
    assert set(DIRECT) == {f"{detector}_channels_{kind}" for detector in ("zn", "zp") for kind in kinds}
