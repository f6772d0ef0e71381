"""What the tests share: JAX on the CPU with compiled programs kept between runs, and a few small data sets.

Everything set in the environment here also holds for the commands that tests start as processes of their own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from zoo.data.events import Events
    from zoo.detectors.detector import Detector

# Before anything imports JAX, which reads these once.
CACHE = os.environ.setdefault(
    "CALOZOO_CACHE", str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "calozoo")
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(CACHE) / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
# Two devices, for what several of them share; all else runs on the first.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")
# Every program here runs a few times on tiny arrays, so that most of the time would go into optimising it.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

settings.register_profile("calozoo", deadline=None, derandomize=True, database=None)
settings.load_profile("calozoo")

PDG = {22: (0.0, 0.0), 2112: (0.93957, 0.0), 2212: (0.93827, 1.0), -211: (0.13957, -1.0)}
"""PDG id to mass (GeV) and charge (e) of the particles that tests throw."""


def aimed_particles(detector: Detector, number: int, seed: int = 0) -> np.ndarray:
    """Particles (N, 10) that meet the front face of a detector, with masses and momenta that belong together."""
    draw = np.random.default_rng(seed)
    pdg = draw.choice(list(PDG), number)
    mass, charge = np.array([PDG[kind] for kind in pdg]).T
    momentum = draw.lognormal(5.0, 0.8, number)
    vertex = draw.normal(0.0, (0.005, 0.005, 5.0), (number, 3))
    half = np.array(detector.shape) * detector.pitch / 2
    direction = np.empty((number, 3))
    direction[:, :2] = draw.uniform(-0.8, 0.8, (number, 2)) * half - vertex[:, :2]
    direction[:, 2] = detector.face - vertex[:, 2]
    direction *= (momentum / np.linalg.norm(direction, axis=1))[:, None]
    energy = np.hypot(momentum, mass)
    return np.column_stack([energy, vertex, direction, mass, charge, pdg])


def shower(detector: Detector, particles: np.ndarray, seed: int = 0) -> np.ndarray:
    """Poisson responses (N, H, W), uint16: a spot at the impact point, as bright as the particle is energetic."""
    row, column = np.indices(detector.shape)
    impact = detector.impact(particles)
    distance = (row - impact[:, 0, None, None]) ** 2 + (column - impact[:, 1, None, None]) ** 2
    expected = particles[:, 0, None, None] * np.exp(-distance / 8.0) / 25.0
    return np.random.default_rng(seed).poisson(expected).astype(np.uint16)


@pytest.fixture(scope="module", autouse=True)
def programs_are_dropped() -> Iterator[None]:
    """Drop a file's compiled programs after it: Linux allows a process 65,530 mappings, and each program takes some."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture(scope="session")
def zn() -> Detector:
    from zoo.detectors.zn import ZNConfig

    return ZNConfig().build()


@pytest.fixture(scope="session")
def zp() -> Detector:
    from zoo.detectors.zp import ZPConfig

    return ZPConfig().build()


@pytest.fixture(scope="session")
def make_events() -> Callable[..., Events]:
    """(detector, number, seed) -> synthetic events, every particle simulated up to three times."""

    from zoo.data.events import Events

    def make(detector: Detector, number: int, seed: int = 0) -> Events:
        pool = aimed_particles(detector, -(-number // 3), seed)
        particles = pool[np.random.default_rng(seed).permutation(np.arange(number) % len(pool))]
        return Events(shower(detector, particles, seed), particles, "synthetic")

    return make


@pytest.fixture(scope="session")
def zn_events(zn: Detector, make_events: Callable[..., Events]) -> Events:
    return make_events(zn, 60)


@pytest.fixture(scope="session")
def zn_sample(zn: Detector) -> Events:
    from zoo.data.sources.sample import SampleConfig

    return SampleConfig().read(zn)


@pytest.fixture(scope="session")
def zp_sample(zp: Detector) -> Events:
    from zoo.data.sources.sample import SampleConfig

    return SampleConfig().read(zp)
