"""The machine and the versions a run was made with."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax

from zoo import __version__
from zoo.evaluation.timing import device_description

PACKAGES = ("jax", "jaxlib", "equinox", "optax", "diffrax", "orbax-checkpoint", "numpy", "pydantic")


def environment() -> dict[str, Any]:
    """Versions, device and platform, JSON-ready."""
    return {
        "calozoo": __version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "device": device_description(),
        "devices": jax.device_count(),
        "threads": os.cpu_count(),
        "command": ["zoo", *sys.argv[1:]],
    }


def enable_compilation_cache() -> None:
    """Keep compiled programs between runs, in $CALOZOO_CACHE or the user's cache folder."""
    home = (
        os.environ.get("CALOZOO_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "calozoo"
    )
    jax.config.update("jax_compilation_cache_dir", str(Path(home) / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
